"""Labels with the features of their decisions: `gold.labelled_examples`, which models learn from."""

from collections.abc import Callable, Mapping, Sequence
from functools import reduce

import pyarrow as pa
import structlog
from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as F

from pipelines.connectors.delta import ensure_table
from pipelines.connectors.names import Names
from pipelines.contracts.labels import LABEL_KEY, LABELLED_EXAMPLES, LABELS
from pipelines.contracts.lake import silver_tables
from pipelines.contracts.topics.decisions import TOPIC
from pipelines.gold.features.feature_set import FeatureSet
from pipelines.gold.features.sets import all_sets
from pipelines.gold.problems.problem import Problem
from pipelines.runtime.embedded.locks import held
from pipelines.runtime.features.arrivals import DAY, day_of, unrecorded_days
from pipelines.runtime.features.silver import silver_events
from pipelines.runtime.features.training_frame import Clock, training_frame
from pipelines.runtime.labels.decided import decisions_about, with_decisions
from pipelines.runtime.marts import require_silver

BUILD_EXAMPLES = "build_examples"
_ID = "example_id"
_TIMES: Mapping[Clock, str] = {"known": "known_at", "occurred": "decided_at"}
log = structlog.get_logger(__name__)


def build_examples(
    spark: SparkSession, names: Names, problems: Sequence[Problem], *, anew: bool
) -> dict[str, int]:
    """Add an example for each label of the problems that has none; problem → how many.

    Features are those known when the decision was. Where arrivals are not recorded, they are those of the
    decision's own time, `clock` says so. A decision whose outcome was known before itself has no example, nor
    has one of which the scorer says that the store was ahead or its features not whole.
    `anew`: all rows of the problems are replaced, as their feature sets are now. Raises `LakeError` where
    silver is empty, `SettingsError` for a set that does not exist or lacks a key.
    """
    require_silver(names)
    for spec in (LABELS, LABELLED_EXAMPLES, silver_tables()[TOPIC.table]):
        ensure_table(spark, spec, names.table(spec.name))
    with held(names.var_dir / "run" / f"{BUILD_EXAMPLES}.lock", limit_seconds=1):
        wanted = _wanted(spark, names, problems, anew=anew)
        if not anew and wanted.isEmpty():
            return {one.name: 0 for one in problems}
        rows = _with_clock(spark, names, wanted).persist()
        try:
            counts = _counted(rows)
            if counts or anew:
                _write(spark, names, problems, rows, clocks={clock for _, clock in counts}, anew=anew)
        finally:
            rows.unpersist()
    found = {one.name: 0 for one in problems}
    for (problem, _), count in counts.items():
        found[problem] += count
    return found


def _wanted(spark: SparkSession, names: Names, problems: Sequence[Problem], *, anew: bool) -> DataFrame:
    """The labels that are to get features."""
    labels = spark.read.format("delta").load(names.table(LABELS.name))
    asked = [(F.col("problem") == one.name) & (F.col("problem_version") == one.version) for one in problems]
    is_asked = F.lit(False)
    for one in asked:
        is_asked = is_asked | one
    named = with_decisions(labels.where(is_asked), decisions_about(spark, names))
    if not anew:
        there = spark.read.format("delta").load(names.table(LABELLED_EXAMPLES.name))
        named = named.join(there.select(*LABEL_KEY), list(LABEL_KEY), "left_anti")
    # The packs that features are made in know rows by one column.
    return named.withColumn(_ID, F.to_json(F.array(*(F.col(name).cast("string") for name in LABEL_KEY))))


def _with_clock(spark: SparkSession, names: Names, labels: DataFrame) -> DataFrame:
    """The labels with the clock that their features can be told by, less those that came too late."""
    moments = labels.select(*(F.unix_micros(name).alias(name) for name in _TIMES.values()))
    asked = [moments.select(day_of(name).alias(DAY)) for name in _TIMES.values()]
    days = unrecorded_days(silver_events(spark, names), asked[0].union(asked[1]).distinct())
    unrecorded = [row[DAY] for row in days.collect()]
    micros = labels.withColumns({f"_{name}": F.unix_micros(name) for name in _TIMES.values()})
    is_unrecorded = day_of("_known_at").isin(unrecorded) | day_of("_decided_at").isin(unrecorded)
    clock = F.when(is_unrecorded, "occurred").otherwise("known")
    rows = micros.withColumn("clock", clock).drop(*(f"_{name}" for name in _TIMES.values()))
    was_open = F.coalesce(F.col("outcome_known_at") >= F.col("known_at"), F.lit(True))
    return rows.where((F.col("clock") == "occurred") | was_open)


def _counted(rows: DataFrame) -> dict[tuple[str, str], int]:
    """Problem and clock → rows."""
    counted = rows.groupBy("problem", "clock").agg(F.count("*").alias("rows")).collect()
    for row in counted:
        log.info("examples_wanted", **row.asDict())
    return {(row["problem"], row["clock"]): row["rows"] for row in counted}


def _write(
    spark: SparkSession,
    names: Names,
    problems: Sequence[Problem],
    rows: DataFrame,
    *,
    clocks: set[str],
    anew: bool,
) -> None:
    """One commit with the rows of all problems and clocks."""
    chosen = [(clock, time) for clock, time in _TIMES.items() if clock in clocks or not clocks]
    made = [_of_clock(spark, names, problems, rows, clock=clock, time=time) for clock, time in chosen]
    writer = (
        reduce(DataFrame.unionByName, made)
        .repartition("problem")
        .sortWithinPartitions("decided_at")
        .write.format("delta")
    )
    if anew:
        named = ", ".join(f"'{one.name}'" for one in problems)
        writer = writer.mode("overwrite").option("replaceWhere", f"problem in ({named})")
    else:
        writer = writer.mode("append")
    writer.save(names.table(LABELLED_EXAMPLES.name))
    log.info("examples_written", problems=[one.name for one in problems])


def _of_clock(
    spark: SparkSession,
    names: Names,
    problems: Sequence[Problem],
    rows: DataFrame,
    *,
    clock: Clock,
    time: str,
) -> DataFrame:
    """The examples of one clock, all problems' sets in one pass."""
    mine = rows.where(F.col("clock") == clock)
    spine = mine.withColumns({"time": F.col(time), "event_id": F.col("row_id"), "row_id": F.col(_ID)})
    sets = sorted({name for one in problems for name in one.sets})
    frame = training_frame(spark, names, spine, sets=sets, clock=clock)
    return _examples(mine, frame, problems)


def _examples(labels: DataFrame, frame: DataFrame, problems: Sequence[Problem]) -> DataFrame:
    """Rows of `gold.labelled_examples`."""
    rows = labels.join(frame.withColumnRenamed("row_id", _ID), _ID)
    made = {
        "set_versions": _by_problem(problems, _versions),
        "features": _by_problem(problems, lambda sets: _map(sets, texts=False)),
        "texts": _by_problem(problems, lambda sets: _map(sets, texts=True)),
    }
    return rows.withColumns(made).select(*LABELLED_EXAMPLES.column_names)


def _by_problem(problems: Sequence[Problem], of: Callable[[list[FeatureSet]], Column]) -> Column:
    found = F.lit(None)
    for one in problems:
        mine = of([all_sets()[name] for name in one.sets])
        found = F.when(F.col("problem") == one.name, mine).otherwise(found)
    return found


def _versions(sets: list[FeatureSet]) -> Column:
    return F.create_map(*(F.lit(value) for one in sets for value in (one.name, one.version)))


def _map(sets: list[FeatureSet], *, texts: bool) -> Column:
    """The values that there are of the sets' texts, or of all their other features as doubles."""
    kind = "string" if texts else "double"
    named = [
        f"{one.name}__{output.name}"
        for one in sets
        for output in one.outputs
        if (output.type == pa.string()) == texts
    ]
    keys = F.array(*(F.lit(name) for name in named)).cast("array<string>")
    values = F.array(*(F.col(name).cast(kind) for name in named)).cast(f"array<{kind}>")
    return F.map_filter(F.map_from_arrays(keys, values), lambda _, value: value.isNotNull())
