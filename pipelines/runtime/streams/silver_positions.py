"""How far into Kafka a batch of a query over silver's tables reaches.

The query's checkpoint says up to which version of each table a batch goes, and the commit of that
version says what clean_silver covered by then. A batch may end within a version (after a long pause, or
while it reads what was there before its first start): then it holds more than it can say, and is inexact.

Tables need not reach equally far: a batch of clean_silver commits only to those that it has rows of, one
after the other. A documented topic fills one table, so that table's commit speaks for it. A bound topic may
fill several: all must have all that clean_silver wrote by the furthest commit, or the batch is inexact.
"""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from pyspark.errors import AnalysisException
from pyspark.sql import SparkSession

from pipelines.connectors.delta import is_local
from pipelines.connectors.names import CLEAN_SILVER
from pipelines.contracts.positions import Coverage, Vector, furthest
from pipelines.contracts.topics import all_topics
from pipelines.runtime.streams.checkpoint import logged_sources

_WHOLE = -1
"""From here down an index means: nothing of the version itself."""
_NOTHING = Coverage(CLEAN_SILVER, -1, {})


class Reached(NamedTuple):
    """Every row below the positions is in this batch or one before it; if exact, no other row is."""

    positions: Vector
    is_exact: bool


class _End(NamedTuple):
    """Where the batch ends in a table: what its last commit covers, and the version that comes next."""

    path: str
    covered: Coverage
    version: int
    is_whole: bool


def reached(spark: SparkSession, checkpoint: str, batch_id: int, tables: Mapping[str, str]) -> Reached:
    """Where the batch ends. `tables`: their paths by name, in the order in which the query reads them.

    A query that joins what it reads with itself reads all of them several times, in the same order; what
    it has covered then is what all of these reads have.
    """
    plan = logged_sources(spark, checkpoint, batch_id)
    reads = [plan[first : first + len(tables)] for first in range(0, len(plan), len(tables))]
    found = [_reached(spark, one, tables) for one in reads]
    common = {place: min(one.positions.get(place, 0) for one in found) for place in found[0].positions}
    return Reached(common, all(one == found[0] and one.is_exact for one in found))


def _reached(spark: SparkSession, plan: Sequence[str], tables: Mapping[str, str]) -> Reached:
    ends = {name: _end(spark, one, path) for one, (name, path) in zip(plan, tables.items(), strict=True)}
    vectors = {name: end.covered.positions for name, end in ends.items()}
    owners = {name: topic.table for name, topic in all_topics().items() if topic.table in tables}
    most = furthest(vectors.values())
    least = {place: min(one.get(place, 0) for one in vectors.values()) for place in most}
    bound = {place for place in most if place[0] not in all_topics()}
    is_level = not bound or _is_level(spark, list(ends.values()))
    positions = {
        place: vectors[owners[place[0]]].get(place, 0) if place[0] in owners else offset
        for place, offset in (most | ({} if is_level else {place: least[place] for place in bound})).items()
    }
    return Reached(positions, is_level and all(end.is_whole for end in ends.values()))


def _end(spark: SparkSession, source: str, path: str) -> _End:
    if source == "-":
        return _End(path, _NOTHING, 0, True)
    offset = json.loads(source)
    version = int(offset["reservoirVersion"])
    is_whole = int(offset["index"]) <= _WHOLE and not offset.get("isStartingVersion")
    return _End(path, _covered(spark, path, version - 1), version, is_whole)


def _covered(spark: SparkSession, path: str, version: int) -> Coverage:
    """What clean_silver covered by this version of its table; compactions say nothing."""
    for number in range(version, -1, -1):
        found = Coverage.decode(_metadata(spark, path, number))
        if found is not None and found.query == CLEAN_SILVER:
            return found
    return _NOTHING


def _is_level(spark: SparkSession, ends: Sequence[_End]) -> bool:
    """Whether every table has all that clean_silver wrote by the furthest of their commits."""
    last = max(ends, key=lambda end: (end.covered.batch_id, end.covered.complete)).covered
    behind = [_following(spark, end) for end in ends if end.covered.batch_id < last.batch_id]
    return all(last.complete if one is None else one.batch_id > last.batch_id for one in behind)


def _following(spark: SparkSession, end: _End) -> Coverage | None:
    """clean_silver's first commit to the table after the batch; none when there is none yet."""
    version = end.version
    while True:
        try:
            text = _metadata(spark, end.path, version)
        except (FileNotFoundError, AnalysisException):
            return None
        found = Coverage.decode(text)
        if found is not None and found.query == CLEAN_SILVER:
            return found
        version += 1


def _metadata(spark: SparkSession, path: str, version: int) -> str | None:
    """The user metadata of a commit."""
    commit = f"{path}/_delta_log/{version:020d}.json"
    if is_local(commit):
        lines = Path(commit).read_text(encoding="utf-8").splitlines()
    else:
        lines = [row[0] for row in spark.read.text(commit).collect()]
    infos = (json.loads(line).get("commitInfo") for line in lines)
    return next((str(info["userMetadata"]) for info in infos if info and "userMetadata" in info), None)
