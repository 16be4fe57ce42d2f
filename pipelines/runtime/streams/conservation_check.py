"""Running the conservation check over a lake, at rest or while its queries run."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import reduce
from typing import Any

from pyspark.sql import DataFrame, SparkSession

from pipelines.connectors.delta import last_positions
from pipelines.connectors.kafka_reader import records_between
from pipelines.connectors.names import CLEAN_SILVER, Names
from pipelines.contracts.lake import BRONZE, DEAD_LETTERS, DUPLICATES, silver_tables
from pipelines.contracts.positions import Vector
from pipelines.contracts.topics import all_topics
from pipelines.errors import LakeError, ServiceError
from pipelines.runtime.streams.queries.clean_silver import WRITTEN
from pipelines.silver.arrow_parser import KEYED_TABLES
from pipelines.silver.conservation import (
    DEAD_LETTER,
    DUPLICATE,
    SILVER,
    below,
    conservation,
    fates_of,
    late_repeats,
    offset_gaps,
    positions_with_fates,
)

FAULTS = ("lost", "extra", "doubled", "conflicting")
_GAPS_LOOKED_AT = 1000
_Row = dict[str, Any]


@dataclass(frozen=True)
class ConservationResult:
    """What the check found.

    `days`: one row per topic and day. `gaps`: offsets that bronze skips; each says how many of them
    Kafka holds (`in_kafka`; null: the broker could not be asked). `late_repeats`: what deduplication
    could not see as it arrived, by topic; no fault of the lake.
    """

    days: list[dict[str, Any]]
    gaps: list[dict[str, Any]]
    late_repeats: list[dict[str, Any]] = field(default_factory=list)

    @property
    def holds(self) -> bool:
        """Whether every position has exactly one fate and none is missing."""
        sound = all(day[fault] == 0 for day in self.days for fault in FAULTS)
        return sound and not any(map(_is_loss, self.gaps))

    def as_data(self) -> dict[str, Any]:
        """The result as JSON data."""
        return {
            "holds": self.holds,
            "days": self.days,
            "gaps": self.gaps,
            "late_repeats": self.late_repeats,
        }


def check_lake(spark: SparkSession, names: Names, *, bootstrap: str | None) -> ConservationResult:
    """Compare every bronze position below silver's with its fates, and bronze's gaps with Kafka.

    Raises `LakeError` before silver's first batch.
    """
    ends = last_positions(spark, [names.table(name) for name in WRITTEN], query=CLEAN_SILVER)
    if not ends:
        raise LakeError("silver has no batch yet: there is nothing to check.")
    until = spark.createDataFrame(
        [(*place, offset) for place, offset in ends.items()], "topic string, partition int, until_offset long"
    )

    def table(name: str) -> DataFrame:
        return below(spark.read.format("delta").load(names.table(name)), until)

    bronze = table(BRONZE.name).select("topic", "partition", "offset", "ingested_date")
    fates = [fates_of(table(spec.name), spec, fate=SILVER) for spec in silver_tables().values()]
    fates.append(fates_of(table(DEAD_LETTERS.name), DEAD_LETTERS, fate=DEAD_LETTER))
    fates.append(fates_of(table(DUPLICATES.name), DUPLICATES, fate=DUPLICATE))
    days, gaps = _days_and_gaps(bronze, fates)
    repeats = reduce(DataFrame.unionByName, (late_repeats(table(name)) for name in KEYED_TABLES))
    return ConservationResult(
        days=[row | {"day": str(row["day"])} for row in days],
        gaps=_with_kafka(gaps, bootstrap),
        late_repeats=_collected(repeats.orderBy("topic")),
    )


def _days_and_gaps(bronze: DataFrame, fates: Sequence[DataFrame]) -> tuple[list[_Row], list[_Row]]:
    bronze.persist()  # the largest table of the lake: read once for both questions
    try:
        days = conservation(positions_with_fates(bronze, fates))
        return _collected(days), _collected(offset_gaps(bronze).limit(_GAPS_LOOKED_AT))
    finally:
        bronze.unpersist()


def _collected(rows: DataFrame) -> list[_Row]:
    return [row.asDict() for row in rows.collect()]


def _is_loss(gap: dict[str, Any]) -> bool:
    """Whether a gap is a loss: Kafka holds what bronze lacks, or cannot be asked and had no right to it."""
    if gap["in_kafka"] is not None:
        return bool(gap["in_kafka"])
    topic = all_topics().get(gap["topic"])
    return topic is None or not topic.compacted


def _with_kafka(gaps: Sequence[dict[str, Any]], bootstrap: str | None) -> list[dict[str, Any]]:
    """The gaps, each with the number of its offsets that Kafka holds a record at."""
    if not gaps or bootstrap is None:
        return [{**gap, "in_kafka": None} for gap in gaps]
    starts: dict[tuple[str, int], int] = {}
    ends: dict[tuple[str, int], int] = {}
    for gap in gaps:
        place = gap["topic"], gap["partition"]
        starts[place] = min(gap["from_offset"], starts.get(place, gap["from_offset"]))
        ends[place] = max(gap["until_offset"], ends.get(place, 0))
    try:
        return _counted(gaps, bootstrap, starts, ends)
    except ServiceError:
        return [{**gap, "in_kafka": None} for gap in gaps]


def _counted(
    gaps: Sequence[dict[str, Any]], bootstrap: str, starts: Vector, ends: Vector
) -> list[dict[str, Any]]:
    found: Counter[int] = Counter()
    for record in records_between(bootstrap, starts, ends):
        for number, gap in enumerate(gaps):
            if (gap["topic"], gap["partition"]) == (record.topic, record.partition):
                found[number] += gap["from_offset"] <= record.offset < gap["until_offset"]
    return [{**gap, "in_kafka": found[number]} for number, gap in enumerate(gaps)]
