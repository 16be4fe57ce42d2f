"""Running the conservation check over a lake."""

from dataclasses import dataclass
from typing import Any

from pyspark.sql import DataFrame, SparkSession

from pipelines.connectors.names import Names
from pipelines.contracts.lake import BRONZE, DEAD_LETTERS, silver_tables
from pipelines.contracts.topics import all_topics
from pipelines.silver.conservation import (
    DEAD_LETTER,
    SILVER,
    conservation,
    fates_of,
    offset_gaps,
    positions_with_fates,
)

FAULTS = ("lost", "extra", "doubled", "conflicting")


@dataclass(frozen=True)
class ConservationResult:
    """`days`: one row per topic and day. `gaps`: partitions whose offsets have holes by no right."""

    days: list[dict[str, Any]]
    gaps: list[dict[str, Any]]

    @property
    def holds(self) -> bool:
        """Whether every position has exactly one fate and none is missing."""
        return not self.gaps and all(day[fault] == 0 for day in self.days for fault in FAULTS)

    def as_data(self) -> dict[str, Any]:
        """The result as JSON data."""
        return {"holds": self.holds, "days": self.days, "gaps": self.gaps}


def check_lake(spark: SparkSession, names: Names) -> ConservationResult:
    """Compare every position of bronze with its fates. Meant for a lake whose queries are at rest."""

    def table(name: str) -> DataFrame:
        return spark.read.format("delta").load(names.table(name))

    bronze = table(BRONZE.name).select("topic", "partition", "offset", "ingested_date")
    fates = [fates_of(table(spec.name), spec, fate=SILVER) for spec in silver_tables().values()]
    fates.append(fates_of(table(DEAD_LETTERS.name), DEAD_LETTERS, fate=DEAD_LETTER))
    days = conservation(positions_with_fates(bronze, fates)).collect()
    compacted = {topic.name for topic in all_topics().values() if topic.compacted}
    gaps = offset_gaps(bronze).where("missing > 0").collect()
    return ConservationResult(
        days=[{**row.asDict(), "day": str(row["day"])} for row in days],
        gaps=[row.asDict() for row in gaps if row["topic"] not in compacted],
    )
