"""Versions of users in a real silver table, without a stream."""

from collections.abc import Mapping
from datetime import UTC, datetime

import pyarrow as pa
from deltalake import DeltaTable, write_deltalake
from deltalake.exceptions import TableNotFoundError

from pipelines.connectors.names import Names
from pipelines.contracts.arrow import arrow_schema
from pipelines.contracts.lake import all_tables


def write_users(
    names: Names, levels: Mapping[str, str | None], *, valid_from: datetime | None = None
) -> None:
    """Append a version of each user, by id with its level; null: deleted. `U1` is the name of u1."""
    schema = arrow_schema(all_tables()["silver.users"])
    path, now = names.table("silver.users"), datetime.now(UTC)
    start = _next_offset(path)
    rows = [
        dict.fromkeys(schema.names)
        | {
            "topic": "users",
            "partition": 0,
            "offset": start + number,
            "ingested_at": now,
            "ingested_date": now.date(),
            "known_at": now,
            "valid_from": valid_from or now,
            "user_id": user,
            "name": user.upper(),
            "level": level,
            "is_deleted": level is None,
        }
        for number, (user, level) in enumerate(levels.items())
    ]
    write_deltalake(path, pa.Table.from_pylist(rows, schema=schema), mode="append")


def _next_offset(path: str) -> int:
    try:
        return DeltaTable(path).to_pyarrow_dataset().count_rows()
    except TableNotFoundError:
        return 0
