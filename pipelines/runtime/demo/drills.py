"""The crashes of `clicklake demo --crashes`: queries that fail, and a driver killed at a bad moment."""

from collections.abc import Mapping, Sequence
from typing import Any

CRASHES = (
    "land_bronze.after_append:bronze.records@2=raise",
    "clean_silver.before_append:silver.events@2=raise",
    "clean_silver.after_batch@3=raise",
    "attribute_orders.after_book@2=raise",
    "update_features.before_postgres@2=raise",
    "clean_silver.after_append:silver.events@6=kill",
)
"""Failpoints: written but not yet recorded, before a table, at the batch's end, in Postgres but not yet in
the lake, in the lake but not yet in Postgres; killed between tables."""
_RECORDS_A_BATCH = 500


def with_crashes(environment: Mapping[str, str]) -> dict[str, str]:
    """The environment of a driver that is to fail at these points, in batches small enough to reach them."""
    lines = [
        environment.get("CLICKLAKE_SET", ""),
        f"failpoints=[{', '.join(CRASHES)}]",
        f"bronze.max_records={_RECORDS_A_BATCH}",
        "silver.max_mib=1",
        f"attribution.max_records={_RECORDS_A_BATCH}",
    ]
    return {**environment, "CLICKLAKE_SET": "\n".join(line for line in lines if line)}


def drill_report(armed: Sequence[str], fired: Sequence[str], *, restarts: int) -> dict[str, Any]:
    """What was to fail, what did, and how often the driver was started again."""
    return {"armed": list(armed), "fired": list(fired), "driver_restarts": restarts}
