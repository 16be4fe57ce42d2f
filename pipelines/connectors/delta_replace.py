"""Replacing days of a Delta table, or all of it, in one commit: done twice it is the same table."""

from collections.abc import Sequence
from datetime import date

from pyspark.sql import DataFrame

from pipelines.contracts.positions import Coverage


def replace_days(
    rows: DataFrame, path: str, *, column: str, days: Sequence[date], coverage: Coverage | None = None
) -> None:
    """Put `rows` in the place of what the table has of these days of its partition column.

    A day of which there are no rows is empty afterwards. No days: the commit holds the coverage alone.
    """
    if not days:
        _commit(rows.limit(0), path, {"mode": "append"}, coverage)
        return
    wanted = ", ".join(f"date'{day:%Y-%m-%d}'" for day in days)
    where = {"mode": "overwrite", "replaceWhere": f"{column} in ({wanted})"}
    _commit(rows.repartition(column), path, where, coverage)


def replace_table(
    rows: DataFrame, path: str, *, partition: str | None, coverage: Coverage | None = None
) -> None:
    """Put `rows` in the place of all that the table has; one file for each value of `partition`."""
    files = rows.repartition(partition) if partition else rows.coalesce(1)
    _commit(files, path, {"mode": "overwrite"}, coverage)


def _commit(rows: DataFrame, path: str, options: dict[str, str], coverage: Coverage | None) -> None:
    metadata = {} if coverage is None else {"userMetadata": coverage.encode()}
    mode = options.pop("mode")
    rows.write.format("delta").mode(mode).options(**options, **metadata).save(path)
