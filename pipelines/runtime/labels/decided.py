"""What the scorer decided about labelled events: its action and chance, and which are never trained on."""

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from pipelines.connectors.names import Names
from pipelines.contracts.labels import LABEL_KEY
from pipelines.contracts.topics.decisions import TOPIC
from pipelines.gold.decisions.judging import JUDGED_BY

_ABOUT = {
    "topic": "about_topic",
    "partition": "about_partition",
    "offset": "about_offset",
    "row_id": "about_event",
}
_IS_SOUND = "_is_sound"


def decisions_about(spark: SparkSession, names: Names) -> DataFrame:
    """One row per event that asked for a decision, by `LABEL_KEY`: the first one that was made."""
    decisions = spark.read.format("delta").load(names.table(TOPIC.table))
    is_sound = F.coalesce(F.col("is_whole") & ~F.coalesce("state_ahead", F.lit(False)), F.lit(False))
    said = F.struct(*JUDGED_BY, is_sound.alias(_IS_SOUND))
    named = decisions.where(F.col("about_offset").isNotNull()).select(
        "problem",
        F.col("problem_version").cast("int"),
        *(F.col(column).alias(name) for name, column in _ABOUT.items()),
        said.alias("said"),
        F.struct("ingested_at", F.col("partition"), F.col("offset")).alias("made"),
    )
    typed = named.withColumn("partition", F.col("partition").cast("int"))
    first = typed.groupBy(*LABEL_KEY).agg(F.min_by("said", "made").alias("said"))
    return first.select(*LABEL_KEY, "said.*")


def with_decisions(labels: DataFrame, decisions: DataFrame) -> DataFrame:
    """The labels with what was decided about them, less those whose decision is not sound.

    One whose state was ahead may have known its own outcome; one that was not whole acted on what was not so.
    """
    joined = labels.join(decisions, list(LABEL_KEY), "left")
    return joined.where(F.coalesce(_IS_SOUND, F.lit(True))).drop(_IS_SOUND)
