"""Labelled examples for training, read without Spark: the same rows whenever the same version is asked."""

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds
import structlog
from deltalake import DeltaTable
from deltalake.exceptions import DeltaError, TableNotFoundError
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from pipelines.connectors.names import Names
from pipelines.contracts.arrow import arrow_schema
from pipelines.contracts.labels import LABELLED_EXAMPLES
from pipelines.errors import LakeError
from pipelines.gold.decisions.judging import JUDGED_BY, weights
from pipelines.gold.problems.problem import Problem

log = structlog.get_logger(__name__)
_PLACE = ("topic", "partition", "offset")
_PLAIN = ["row_id", "decided_at", "visitor_id", "user_id", "label"]
_READ = [*_PLAIN, "problem_version", *_PLACE, "set_versions", "slices", "features", *JUDGED_BY]
_SCHEMA = arrow_schema(LABELLED_EXAMPLES)
_ORDER = [(name, "ascending") for name in ("decided_at", "row_id", *_PLACE)]


class Read(NamedTuple):
    """Examples and the version of the table that they are of.

    `rows`: row_id, decided_at (UTC microseconds), group, label, weight, sorted by decided_at and row_id.
    `slices`: a column of texts each. `features`: a column of single-precision numbers each, in the order of
    their names; NaN where a row has no value.
    """

    version: int
    rows: pa.Table
    slices: pa.Table
    features: pa.Table


def has_examples(names: Names) -> bool:
    """Whether there is a table of examples yet."""
    return bool(DeltaTable.is_deltatable(names.table(LABELLED_EXAMPLES.name)))


def read_examples(
    names: Names,
    problem: Problem,
    *,
    version: int | None = None,
    since: int | None = None,
    until: int | None = None,
) -> Read:
    """A problem's examples decided from `since` until before `until`, UTC microseconds; null: no bound.

    `version`: of the table; null: the newest. Of several versions of the problem or of its feature sets
    only the newest row's count: values of two meanings are not to be compared. Rows whose outcome an action
    may have moved are left out, others stand for them: `weight`. Visitors and users whom any of the rows
    names together are one group. Raises `LakeError` where the table or its version is not there.
    """
    table = _table(names, version)
    wanted = pc.field("problem") == problem.name
    for moment, is_lower in ((since, True), (until, False)):
        if moment is not None:
            bound, at = pa.scalar(moment, pa.timestamp("us", tz="UTC")), pc.field("decided_at")
            wanted &= at >= bound if is_lower else at < bound
    found = _with_all(table.to_pyarrow_dataset(), wanted)
    kept = _kept(found, problem)
    features, slices = _features(found, kept, problem), _slices(found, kept, problem)
    rows = _rows(found.select([*_PLAIN, *JUDGED_BY]).take(pa.array(kept)))
    return Read(table.version(), rows, slices, features)


def _with_all(dataset: ds.Dataset, wanted: pc.Expression) -> pa.Table:
    """The rows; columns that a version of the table does not have yet are null."""
    there = [name for name in _READ if name in dataset.schema.names]
    found = dataset.to_table(columns=there, filter=wanted)
    for name in (name for name in _READ if name not in there):
        found = found.append_column(name, pa.nulls(found.num_rows, _SCHEMA.field(name).type))
    return found


def _table(names: Names, version: int | None) -> DeltaTable:
    path = names.table(LABELLED_EXAMPLES.name)
    try:
        return DeltaTable(path, version=version)
    except TableNotFoundError:
        raise LakeError(f"{path}: there are no examples yet: run `clicklake run build_examples`.") from None
    except DeltaError as error:
        raise LakeError(f"{path}: version {version} cannot be read: {error}") from None


def _kept(found: pa.Table, problem: Problem) -> npt.NDArray[np.int64]:
    """In order the rows whose versions, of the problem and of its sets, are those of the newest."""
    order: npt.NDArray[np.int64] = np.asarray(pc.sort_indices(found, _ORDER), np.int64)
    order = order[weights(found)[order] > 0]
    if not len(order):
        return order
    sets = _spread(found["set_versions"], np.int32(-1)).values[order]
    version = found["problem_version"].to_numpy()[order]
    same: npt.NDArray[np.bool_] = (sets == sets[-1]).all(axis=1) & (version == version[-1])
    if not same.all():
        log.warning("examples_of_other_versions", problem=problem.name, left_out=int((~same).sum()))
    return order[same]


def _rows(found: pa.Table) -> pa.Table:
    return pa.table(
        {
            "row_id": found["row_id"],
            "decided_at": found["decided_at"].cast(pa.int64()),
            "group": _groups(found),
            "label": found["label"].cast(pa.int64()),
            "weight": pa.array(weights(found)),
        }
    )


def _groups(found: pa.Table) -> pa.Array:
    """Who decides: one name for all visitors and users that belong together."""
    visitors = pc.binary_join_element_wise("v", found["visitor_id"], ":").to_numpy(zero_copy_only=False)
    users = pc.binary_join_element_wise("u", found["user_id"], ":").to_numpy(zero_copy_only=False)
    every, codes = np.unique(
        np.concatenate([visitors, np.where(pc.is_valid(found["user_id"]), users, visitors)]).astype(str),
        return_inverse=True,
    )
    mine, known = np.split(codes, 2)
    links = coo_array((np.ones(len(mine), np.int8), (mine, known)), shape=(len(every), len(every)))
    _, parts = connected_components(links, directed=False)
    _, firsts = np.unique(parts, return_index=True)
    return pa.array(every[firsts[parts[mine]]].astype(object), pa.string())


def _slices(found: pa.Table, kept: npt.NDArray[np.int64], problem: Problem) -> pa.Table:
    spread = _spread(found["slices"], None)
    there = {name: spread.values[kept, number] for number, name in enumerate(spread.names)}
    missing = np.full(len(kept), None, object)
    return pa.table({name: pa.array(there.get(name, missing), pa.string()) for name in problem.slices})


def _features(found: pa.Table, kept: npt.NDArray[np.int64], problem: Problem) -> pa.Table:
    spread = _spread(found["features"], np.float32(np.nan))
    columns = {
        name: spread.values[kept, number]
        for number, name in enumerate(spread.names)
        if name not in problem.left_out
    }
    there = {name: values for name, values in columns.items() if not np.isnan(values).all()}
    return pa.table({name: pa.array(values) for name, values in there.items()})


class _Spread(NamedTuple):
    """Maps as a matrix: a row each, a column for every name in any of them, sorted."""

    names: list[str]
    values: npt.NDArray[Any]


def _spread(maps: pa.ChunkedArray, nothing: Any) -> _Spread:
    """The maps' values, `nothing` where a map does not have the name."""
    parts = [_entries(one) for one in maps.chunks]
    names = sorted({name for names, *_ in parts for name in names})
    values = np.full((len(names), len(maps)), nothing, getattr(nothing, "dtype", object)).T
    first = 0
    for (mine, rows, codes, items), chunk in zip(parts, maps.chunks, strict=True):
        columns = np.array([names.index(name) for name in mine], np.int64)
        values[rows + first, columns[codes]] = items
        first += len(chunk)
    return _Spread(names, values)


def _entries(maps: pa.MapArray) -> tuple[list[str], npt.NDArray[Any], npt.NDArray[Any], npt.NDArray[Any]]:
    """Names, and of each entry its row, the number of its name, its value."""
    offsets = maps.offsets.to_numpy()
    keys = maps.keys[offsets[0] : offsets[-1]].dictionary_encode()
    items = maps.items[offsets[0] : offsets[-1]].to_numpy(zero_copy_only=False)
    return (
        keys.dictionary.to_pylist(),
        np.repeat(np.arange(len(maps)), np.diff(offsets)),
        keys.indices.to_numpy(),
        items,
    )
