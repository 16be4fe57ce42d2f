"""The gold table of what became of decisions; with silver's decisions it is the view `gold.decisions`."""

from pipelines.contracts.tables import (
    BOOLEAN,
    DOUBLE,
    INTEGER,
    POSITION_COLUMNS,
    TIMESTAMP,
    Column,
    TableSpec,
)

DECISIONS_VIEW = "gold.decisions"
DECISION_KEY = ("topic", "partition", "offset")
"""Where the record of a decision lies."""

DECISION_OUTCOMES = TableSpec(
    name="gold.decision_outcomes",
    grain="One row per decision, once what became of it can no longer change.",
    keys=DECISION_KEY,
    columns=(
        *POSITION_COLUMNS,
        Column(
            "label", INTEGER, "1 where the outcome came within the problem's horizon, else 0", nullable=False
        ),
        Column("outcome_at", TIMESTAMP, "time of the first outcome; null: none"),
        Column(
            "was_right",
            BOOLEAN,
            "whether the probability is on the outcome's side of the problem's threshold; null: no model",
        ),
        Column(
            "weight",
            DOUBLE,
            "for how many decisions it stands where models are judged; 0: an action may have moved it",
            nullable=False,
        ),
    ),
    partitions=("ingested_date",),
    skipping=("partition", "offset", "ingested_at"),
    retention_days=400,
)
