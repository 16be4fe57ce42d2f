"""The gold table of what was decided, and what became of it."""

from pipelines.contracts.tables import (
    BOOLEAN,
    DOUBLE,
    INTEGER,
    POSITION_COLUMNS,
    TIMESTAMP,
    Column,
    TableSpec,
)
from pipelines.contracts.topics.decisions import TOPIC

DECISION_KEY = ("topic", "partition", "offset")
"""Where the record of a decision lies."""

DECISIONS = TableSpec(
    name="gold.decisions",
    grain="One row per decision, with what became of it once that can no longer change.",
    keys=DECISION_KEY,
    columns=(
        *POSITION_COLUMNS,
        *(Column.of(field) for field in TOPIC.fields),
        Column("label", INTEGER, "1 where the outcome came within the problem's horizon, else 0; null: open"),
        Column("outcome_at", TIMESTAMP, "time of the first outcome; null: none, or open"),
        Column(
            "was_right",
            BOOLEAN,
            "whether the probability is on the outcome's side of the problem's threshold; null: not known",
        ),
        Column(
            "weight",
            DOUBLE,
            "for how many decisions it stands where models are judged; 0: an action may have moved it",
            nullable=False,
        ),
    ),
    partitions=("ingested_date",),
    skipping=("partition", "offset", "ingested_at", "occurred_at"),
    retention_days=400,
)
