"""Visit paths, counted: what fitted models learn from. One row per distinct path."""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from pipelines.gold.attribution.touches import DIRECT

Ints = NDArray[np.int64]


class PathCount(NamedTuple):
    """One distinct path: how often it ended in an order, how often not, and the orders' value together."""

    sources: tuple[str, ...]
    conversions: int
    non_conversions: int
    value_minor: int


@dataclass(frozen=True)
class PathCounts:
    """Distinct paths by columns, in one order whatever the order of the input.

    `sources` is sorted; `codes` are indexes into it, path after path; path p is
    `codes[offsets[p]:offsets[p + 1]]` and never empty. `value_minor`: minor units of one currency.
    """

    sources: tuple[str, ...]
    codes: Ints
    offsets: Ints
    conversions: Ints
    non_conversions: Ints
    value_minor: Ints

    def __len__(self) -> int:
        return len(self.conversions)

    @cached_property
    def lengths(self) -> Ints:
        """Touches of each path."""
        return np.diff(self.offsets)

    @cached_property
    def path_of_touch(self) -> Ints:
        """For each of `codes` the index of its path."""
        return np.repeat(np.arange(len(self), dtype=np.int64), self.lengths)

    def rows(self) -> list[PathCount]:
        """The same, one tuple a path."""
        columns = zip(
            np.split(self.codes, self.offsets[1:-1]) if len(self) else [],
            self.conversions.tolist(),
            self.non_conversions.tolist(),
            self.value_minor.tolist(),
            strict=True,
        )
        return [PathCount(tuple(self.sources[code] for code in path), *counts) for path, *counts in columns]


def path_counts(
    paths: pa.ListArray,
    *,
    conversions: pa.Array,
    non_conversions: pa.Array,
    value_minor: pa.Array,
) -> PathCounts:
    """Paths (lists of sources, oldest first) added up to one row per distinct path.

    The other columns have one non-negative integer a path, the value may be negative; an empty path
    counts as one touch of `direct`. ValueError: a path, source or count is null, or a count negative.
    """
    counts = {"conversions": conversions, "non_conversions": non_conversions, "value_minor": value_minor}
    _refuse_gaps(paths, counts)
    sources, codes, lengths = _coded(paths)
    width = np.dtype(">u1" if len(sources) <= 1 << 8 else ">u4")
    table = pa.table({"key": _keys(codes, lengths, width), **counts})
    grouped = table.group_by("key").aggregate([(name, "sum") for name in counts])
    grouped = grouped.sort_by("key").combine_chunks()
    codes, offsets = _from_keys(grouped["key"], width)
    sums = (grouped[f"{name}_sum"].to_numpy().astype(np.int64) for name in counts)
    return PathCounts(sources, codes, offsets, *sums)


def counted(rows: Iterable[tuple[tuple[str, ...], int, int, int]]) -> PathCounts:
    """The same from rows of (sources, conversions, non-conversions, value in minor units)."""
    paths, *columns = zip(*rows, strict=True) if (rows := list(rows)) else ((), (), (), ())
    conversions, non_conversions, value_minor = (pa.array(column, pa.int64()) for column in columns)
    return path_counts(
        pa.array([list(path) for path in paths], pa.list_(pa.string())),
        conversions=conversions,
        non_conversions=non_conversions,
        value_minor=value_minor,
    )


def _refuse_gaps(paths: pa.ListArray, counts: dict[str, pa.Array]) -> None:
    if paths.null_count or paths.flatten().null_count or any(column.null_count for column in counts.values()):
        raise ValueError("a path, a source or a count is null")
    for name in ("conversions", "non_conversions"):
        if len(counts[name]) and counts[name].to_numpy(zero_copy_only=False).min() < 0:
            raise ValueError(f"{name}: a count is negative")


def _coded(paths: pa.ListArray) -> tuple[tuple[str, ...], Ints, Ints]:
    """Sources in the alphabet's order, each touch's index into them, each path's length."""
    lengths = paths.value_lengths().to_numpy(zero_copy_only=False).astype(np.int64)
    encoded = paths.flatten().dictionary_encode()
    named = encoded.dictionary.to_pylist()
    sources = sorted({*named, DIRECT} if (lengths == 0).any() else named)
    rank = {source: index for index, source in enumerate(sources)}
    filled = np.maximum(lengths, 1)
    codes = np.full(int(filled.sum()), rank.get(DIRECT, 0), dtype=np.int64)
    ranks = np.array([rank[source] for source in named], dtype=np.int64)
    codes[np.repeat(lengths > 0, filled)] = ranks[encoded.indices.to_numpy(zero_copy_only=False)]
    return tuple(sources), codes, filled


def _keys(codes: Ints, lengths: Ints, width: np.dtype[np.unsignedinteger[Any]]) -> pa.Array:
    """Each path as bytes, `width` a touch with the highest first, so that keys sort as their paths."""
    offsets = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64) * width.itemsize
    buffers = [None, pa.py_buffer(offsets), pa.py_buffer(codes.astype(width))]
    return pa.Array.from_buffers(pa.large_binary(), len(lengths), buffers)


def _from_keys(keys: pa.ChunkedArray, width: np.dtype[np.unsignedinteger[Any]]) -> tuple[Ints, Ints]:
    key = pa.concat_arrays(keys.chunks) if keys.num_chunks else pa.array([], pa.large_binary())
    if not len(key):
        return np.zeros(0, dtype=np.int64), np.zeros(1, dtype=np.int64)
    _, offsets, content = key.buffers()
    ends = np.frombuffer(offsets, dtype=np.int64)[key.offset : key.offset + len(key) + 1] // width.itemsize
    codes = np.frombuffer(content, dtype=width)[ends[0] : ends[-1]]
    return codes.astype(np.int64), ends - ends[0]
