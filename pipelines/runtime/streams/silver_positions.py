"""How far into Kafka a batch of a query over silver's tables reaches.

The query's checkpoint says up to which version of each table a batch goes, and the commit of that
version says what clean_silver covered by then. A batch may end within a version (after a long pause, or
while it reads what was there before its first start): then it holds more than it can say, and is inexact.
"""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from pyspark.sql import SparkSession

from pipelines.connectors.delta import is_local
from pipelines.connectors.names import CLEAN_SILVER
from pipelines.contracts.positions import Coverage, Vector
from pipelines.runtime.streams.checkpoint import logged_sources

_WHOLE = -1
"""From here down an index means: nothing of the version itself."""


class Reached(NamedTuple):
    """Every row below the positions is in this batch or one before it; if exact, no other row is."""

    positions: Vector
    is_exact: bool


def reached(spark: SparkSession, checkpoint: str, batch_id: int, paths: Sequence[str]) -> Reached:
    """Where the batch ends. `paths`: the tables in the order in which the query reads them."""
    plan = logged_sources(spark, checkpoint, batch_id)
    found = [
        _reached(spark, json.loads(one), path) for one, path in zip(plan, paths, strict=True) if one != "-"
    ]
    topics = {place for one in found for place in one.positions}
    positions = {place: [one.positions[place] for one in found if place in one.positions] for place in topics}
    return Reached(
        {place: min(offsets) for place, offsets in positions.items()}, all(one.is_exact for one in found)
    )


def _reached(spark: SparkSession, offset: Mapping[str, object], path: str) -> Reached:
    version = int(str(offset["reservoirVersion"]))
    is_whole = int(str(offset["index"])) <= _WHOLE and not offset.get("isStartingVersion")
    return Reached(_covered(spark, path, version - 1), is_whole)


def _covered(spark: SparkSession, path: str, version: int) -> Vector:
    """What clean_silver covered by this version of its table; compactions say nothing."""
    for number in range(version, -1, -1):
        found = Coverage.decode(_metadata(spark, f"{path}/_delta_log/{number:020d}.json"))
        if found is not None and found.query == CLEAN_SILVER:
            return found.positions
    return {}


def _metadata(spark: SparkSession, commit: str) -> str | None:
    """The user metadata of a commit."""
    if is_local(commit):
        lines = Path(commit).read_text(encoding="utf-8").splitlines()
    else:
        lines = [row[0] for row in spark.read.text(commit).collect()]
    infos = (json.loads(line).get("commitInfo") for line in lines)
    return next((str(info["userMetadata"]) for info in infos if info and "userMetadata" in info), None)
