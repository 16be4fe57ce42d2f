"""A query's checkpoint against its tables: they belong together, and a wrong pair is refused."""

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

from pyspark.errors import AnalysisException
from pyspark.sql import SparkSession

from pipelines.connectors.delta import is_local
from pipelines.contracts.positions import Coverage, Vector, furthest
from pipelines.errors import LakeError

_WAY_OUT = "move the whole lake folder away and replay from Kafka."


def query_id(spark: SparkSession, checkpoint: str) -> str:
    """The query's own id, which lives and dies with the checkpoint. Raises `LakeError` on a damaged one."""
    first = spark.read.text(f"{checkpoint}/metadata").first()
    if first is None:
        raise LakeError(f"{checkpoint}/metadata is empty: restore the checkpoint from a copy.")
    return str(json.loads(first[0])["id"])


def refuse_unfit(spark: SparkSession, checkpoint: str, written: Sequence[Coverage], *, query: str) -> None:
    """Raise `LakeError` when the checkpoint is gone, or does not know the newest batch in the tables.

    A batch is planned in the checkpoint before a table takes it. One that is planned anew under its
    number may hold other records, which the tables would take for those that they have.
    """
    if not written:
        return
    planned = planned_batch(spark, checkpoint)
    newest = max(one.batch_id for one in written)
    if planned is None:
        raise LakeError(
            f"{checkpoint}: the checkpoint of {query} is gone, but its tables are not; "
            "starting over would write every row twice. Restore the checkpoint from a copy, or " + _WAY_OUT
        )
    if planned < newest:
        raise LakeError(
            f"{checkpoint}: the checkpoint of {query} ends at batch {planned}, its tables at batch {newest}; "
            "going on would leave records out. Restore checkpoint and tables from the same copy, or "
            + _WAY_OUT
        )


class LoggedBatch(NamedTuple):
    """What the checkpoint says of a planned batch: its watermark, and how far into Kafka it reaches."""

    watermark: datetime | None
    positions: Vector


def logged_batch(spark: SparkSession, checkpoint: str, batch_id: int) -> LoggedBatch:
    """The plan of a batch of a query that reads Kafka. It is the same however often the batch is run."""
    _version, metadata, *sources = _plan(spark, checkpoint, batch_id)
    return LoggedBatch(_watermark(metadata), furthest(_offsets(source) for source in sources))


def logged_watermark(spark: SparkSession, checkpoint: str, batch_id: int) -> datetime | None:
    """The watermark of a planned batch; none before the first row with a time."""
    return _watermark(_plan(spark, checkpoint, batch_id)[1])


def logged_sources(spark: SparkSession, checkpoint: str, batch_id: int) -> list[str]:
    """Where each source of a planned batch ends, in the sources' own words; `-` before its first row."""
    _version, _metadata, *sources = _plan(spark, checkpoint, batch_id)
    return sources


def _plan(spark: SparkSession, checkpoint: str, batch_id: int) -> list[str]:
    path = f"{checkpoint}/offsets/{batch_id}"
    if is_local(path):
        return Path(path).read_text(encoding="utf-8").splitlines()
    return str(spark.read.text(path, wholetext=True).collect()[0][0]).splitlines()


def _watermark(metadata: str) -> datetime | None:
    millis = int(json.loads(metadata)["batchWatermarkMs"])
    return datetime.fromtimestamp(millis / 1000, UTC) if millis else None


def _offsets(source: str) -> dict[tuple[str, int], int]:
    return {
        (topic, int(partition)): int(offset)
        for topic, partitions in json.loads(source).items()
        for partition, offset in partitions.items()
    }


def committed_batch(spark: SparkSession, checkpoint: str) -> int | None:
    """The number of the last batch that is over for the query; none before its first."""
    return _newest(spark, checkpoint, "commits")


def planned_batch(spark: SparkSession, checkpoint: str) -> int | None:
    """The number of the last batch that the checkpoint plans, -1 before the first; none: no checkpoint."""
    return _newest(spark, checkpoint, "offsets")


def _newest(spark: SparkSession, checkpoint: str, log: str) -> int | None:
    try:
        spark.read.text(f"{checkpoint}/metadata")
        files = spark.read.format("binaryFile").load(f"{checkpoint}/{log}").select("path").collect()
    except AnalysisException:
        return None
    numbers = [row["path"].rpartition("/")[2] for row in files]
    return max((int(number) for number in numbers if number.isdigit()), default=-1)
