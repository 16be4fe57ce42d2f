"""The gold tables that models learn from: what became of each decision, and what was known when it fell."""

from pyspark.sql.types import MapType

from pipelines.contracts.tables import BOOLEAN, DOUBLE, INTEGER, LONG, STRING, TIMESTAMP, Column, TableSpec

_SLICES = MapType(STRING, STRING)

LABEL_KEY = ("problem", "problem_version", "topic", "partition", "offset", "row_id")
"""What names a decision of a problem."""

LABELS = TableSpec(
    name="gold.labels",
    grain="One row per decision of a problem, once its outcome can no longer change.",
    keys=LABEL_KEY,
    columns=(
        Column("problem", STRING, "name of the problem", nullable=False),
        Column("problem_version", INTEGER, "its version", nullable=False),
        Column("row_id", STRING, "id of the decision's event; of an order's line: message#line"),
        Column("visitor_id", STRING, "who decides"),
        Column("user_id", STRING, "the account, where the event names it"),
        Column("session_id", STRING, "the visit"),
        Column("product_id", STRING, "the product that the event is about"),
        Column("decided_at", TIMESTAMP, "time of the decision's event", nullable=False),
        Column("known_at", TIMESTAMP, "when that event was known: a decision could be made", nullable=False),
        Column("topic", STRING, "Kafka topic of the decision's record", nullable=False),
        Column("partition", INTEGER, "its partition", nullable=False),
        Column("offset", LONG, "its offset: the decision's position", nullable=False),
        Column("horizon_seconds", INTEGER, "how long after it the outcome counts", nullable=False),
        Column("slices", _SLICES, "values of the event by which models are judged, too", nullable=False),
        Column("label", INTEGER, "1 where the outcome came within the horizon, else 0", nullable=False),
        Column("outcome_at", TIMESTAMP, "time of the first outcome; null: none"),
        Column(
            "outcome_known_at",
            TIMESTAMP,
            "when the first of them to arrive was known; before known_at: nothing was left to decide",
        ),
    ),
    partitions=("problem",),
    skipping=("decided_at", "partition", "offset"),
)

LABELLED_EXAMPLES = TableSpec(
    name="gold.labelled_examples",
    grain="One row per decision of a problem that was still open when it was known, with its features.",
    keys=LABEL_KEY,
    columns=(
        *LABELS.columns,
        Column(
            "clock",
            STRING,
            "known: features as they had arrived at known_at; occurred: as of decided_at, where arrivals "
            "are not recorded",
            nullable=False,
        ),
        Column("set_versions", MapType(STRING, INTEGER), "feature set and its version", nullable=False),
        Column(
            "features",
            MapType(STRING, DOUBLE),
            "`<set>__<feature>` and its value, flags as 0 and 1; one without a value is not there",
            nullable=False,
        ),
        Column("texts", _SLICES, "the same of features that are texts", nullable=False),
        Column("propensity", DOUBLE, "probability of what was decided; null: no decision was made of it"),
        Column("action", STRING, "what was done; null: no decision was made of it"),
        Column("wanted_action", STRING, "what was worth most, before holdout, trial and budgets"),
        Column("is_holdout", BOOLEAN, "whether the visitor is held out, to measure what acting brings"),
    ),
    partitions=("problem",),
    skipping=("decided_at", "partition", "offset"),
)
