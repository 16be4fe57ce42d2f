"""Training frames from the lake: any rows of keys and times, with what each feature was then."""

from collections.abc import Sequence
from difflib import get_close_matches
from typing import Literal

from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as F
from pyspark.sql import types as T

from pipelines.connectors.names import Names
from pipelines.contracts.lake import IDENTITIES
from pipelines.errors import SettingsError
from pipelines.gold.features.event import TABLES, of_tables
from pipelines.gold.features.feature_set import FeatureSet
from pipelines.gold.features.sets import all_sets
from pipelines.gold.features.training import ROW_ID, ROWS_A_PARTITION, training_values
from pipelines.runtime.features.arrivals import check_arrivals
from pipelines.runtime.features.carrying import Carried, carried
from pipelines.runtime.marts import require_silver

Clock = Literal["occurred", "known"]
TIME, EVENT_ID, USER, VISITOR = "time", "event_id", "user_id", "visitor_id"
_VISIBLE = {"occurred": "occurred_at", "known": "known_at"}


def training_frame(
    spark: SparkSession,
    names: Names,
    spine: DataFrame,
    *,
    sets: Sequence[str | FeatureSet],
    clock: Clock,
    partitions: int | None = None,
) -> DataFrame:
    """A row per row of the spine: its `row_id`, and `<set>__<feature>` for every feature of the sets.

    `spine`: row_id (anything), `time` (timestamp), the keys of the sets, perhaps event_id. On the clock
    `occurred` a row sees what occurred strictly before its time; with an event_id also what occurred at its
    time under a lower id, so that a row about an event sees all before the event. On `known` it sees what
    had arrived strictly before. Sets read by user go by user_id where that user is linked to a visitor by
    then, else by visitor_id; either column will do. `partitions`: null for one in a million events.

    Raises `SettingsError` for a set, a clock or a column that is not there, `LakeError` where silver is
    empty, or where the clock `known` is asked about times whose arrivals nobody has recorded.
    """
    chosen = [_set(one) for one in sets]
    rows = _rows(spine, chosen, clock)
    require_silver(names)
    tables = {name: spark.read.format("delta").load(names.table(name)) for name in TABLES}
    events = of_tables(tables)
    there: Carried | None = None
    if clock == "known":
        check_arrivals(events, rows)
        there = _usable(spark, names, chosen, rows)
    if partitions is None:
        cores = spark.sparkContext.defaultParallelism
        count = sum(table.count() for table in tables.values())
        partitions = max(1, -(-count // (ROWS_A_PARTITION * cores))) * cores
    left = events if there is None else there.left(events)
    visible = left.withColumn("visible_at", F.col(_VISIBLE[clock]))
    links = _links(spark, names, clock) if any(one.entity.by_user for one in chosen) else None
    carries = {} if there is None else {one.name: there.partials(spark, names, one) for one in chosen}
    return training_values(visible, rows, chosen, partitions=partitions, links=links, carried=carries)


def _usable(spark: SparkSession, names: Names, sets: Sequence[FeatureSet], rows: DataFrame) -> Carried | None:
    """What is carried of the sets, where no row of the spine lies before it."""
    found = carried(spark, names, sets)
    first = rows.agg(F.min("seen_at")).first() if found else None
    return found if found and first and first[0] is not None and first[0] >= found.midnight else None


def _set(named: str | FeatureSet) -> FeatureSet:
    if isinstance(named, FeatureSet):
        return named
    known = all_sets()
    if named not in known:
        near = get_close_matches(named, known, n=1)
        hint = f"did you mean `{near[0]}`?" if near else f"they are {', '.join(known)}."
        raise SettingsError(f"training frame: there is no feature set `{named}`; {hint}")
    return known[named]


def _rows(spine: DataFrame, sets: Sequence[FeatureSet], clock: str) -> DataFrame:
    """The spine with the columns that `training_values` takes. Raises `SettingsError`."""
    if clock not in _VISIBLE:
        raise SettingsError(f"training frame: the clock is `occurred` or `known`, not `{clock}`.")
    _require(spine, sets)
    keys = sorted({key for one in sets for key in one.keys} | {USER, VISITOR})
    at = F.unix_micros(F.col(TIME).cast("timestamp"))
    # What arrived at the same microsecond is not seen: no id makes it earlier.
    event_id = F.col(EVENT_ID) if EVENT_ID in spine.columns and clock == "occurred" else _nothing()
    there = [(F.col(key) if key in spine.columns else _nothing()).alias(key) for key in keys]
    return spine.select(ROW_ID, *there, at.alias("at"), at.alias("seen_at"), event_id.alias(EVENT_ID))


def _require(spine: DataFrame, sets: Sequence[FeatureSet]) -> None:
    there = set(spine.columns)
    for name in (ROW_ID, TIME):
        if name not in there:
            raise SettingsError(f"training frame: the spine has no column `{name}`.")
    if not isinstance(spine.schema[TIME].dataType, T.TimestampType):
        raise SettingsError(f"training frame: `{TIME}` of the spine is no timestamp.")
    for one in sets:
        given = there | {VISITOR} if one.entity.by_user and USER in there else there
        for key in one.keys:
            if key not in given:
                raise SettingsError(f"training frame: set `{one.name}` needs column `{key}` in the spine.")


def _links(spark: SparkSession, names: Names, clock: str) -> DataFrame:
    named = spark.read.format("delta").load(names.table(IDENTITIES.name))
    first = F.min(F.unix_micros(_VISIBLE[clock])).alias("visible_at")
    return named.groupBy(VISITOR, USER).agg(first)


def _nothing() -> Column:
    return F.lit(None).cast("string")
