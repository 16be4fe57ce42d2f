"""The gold table of what was read of features, so that it can be computed again."""

from pipelines.contracts.tables import BOOLEAN, INTEGER, LONG, STRING, TIMESTAMP, Column, TableSpec

FEATURE_READS = TableSpec(
    name="gold.feature_reads",
    grain="One row per entity of a feature set that a reader read at a moment, in flight or stored.",
    keys=("reader", "read_number"),
    columns=(
        Column("reader", STRING, "the run of a reader that read", nullable=False),
        Column("read_number", LONG, "number of the read in that run, from 0", nullable=False),
        Column("feature_set", STRING, "name of the feature set", nullable=False),
        Column("version", INTEGER, "its version", nullable=False),
        Column("entity", STRING, "JSON array of its keys, in their order", nullable=False),
        Column(
            "is_by_user",
            BOOLEAN,
            "whether entity names a user in the visitor's place: all visitors linked to them",
            nullable=False,
        ),
        Column("at", TIMESTAMP, "the moment of the values", nullable=False),
        Column("batch_id", LONG, "newest batch of update_features in the store; null: none"),
        Column(
            "positions",
            STRING,
            "next offset by topic and partition: the values hold what lies below and nothing else",
            nullable=False,
        ),
        Column("in_flight", LONG, "events among them that the store did not have yet", nullable=False),
        Column("features", STRING, "JSON object of the set's columns as they were read", nullable=False),
    ),
    skipping=("at", "feature_set", "reader"),
    retention_days=30,
)
