"""Silver of a small simulated shop that arrives commit by commit, as clean_silver writes it."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
from deltalake import DeltaTable, write_deltalake

from pipelines.connectors.delta import is_local
from pipelines.connectors.delta_files import write_files
from pipelines.connectors.delta_log import AppendLog
from pipelines.connectors.names import CLEAN_SILVER, Names
from pipelines.contracts.arrow import arrow_schema
from pipelines.contracts.lake import IDENTITIES, silver_tables
from pipelines.contracts.positions import Coverage, Vector
from pipelines.gold.features.event import TABLES, of_row
from pipelines.silver.keyed_batch import Place
from tests.tiny_lake import PARTITIONS, TinyLake

Rows = list[dict[str, Any]]
_SPECS = {**silver_tables(), IDENTITIES.name: IDENTITIES}


class GrownLake:
    """Tables of silver in `names`, empty at first; `arrive` adds what the shop sent by a moment.

    `bound_to`: all records came by that one topic, through a mapping, orders in partitions of their own.
    """

    def __init__(self, shop: TinyLake, folder: Path, *, bound_to: str | None = None) -> None:
        self.names = Names.of(var_dir=str(folder), lake=None)
        self._all = {name: _rows(shop.names, name) for name in (*TABLES, IDENTITIES.name)}
        for row in (row for rows in self._all.values() for row in rows if bound_to is not None):
            row["partition"] += PARTITIONS if row["topic"] == "orders" else 0
            row["topic"] = bound_to
        self._batch = 0
        self._reached: dict[tuple[str, int], int] = {}
        for name in self._all:
            empty = arrow_schema(_SPECS[name]).empty_table()
            write_deltalake(self.names.table(name), empty, partition_by=list(_SPECS[name].partitions))

    def arrive(self, share: float, *, only: Callable[[Place], bool] = lambda _: True) -> Vector:
        """Add the rows up to this share of these partitions, as one batch; what is covered by then."""
        ends = {place: int(most * share) for place, most in self._ends().items()}
        until = self._reached | {place: end for place, end in ends.items() if only(place)}
        for name, rows in self._all.items():
            new = [one for one in rows if self._is_new(one, until)]
            if new:
                self._append(name, new, until)
        self._reached, self._batch = until, self._batch + 1
        return until

    def events(self) -> Rows:
        """Every feature event that has arrived, as plain Python reads it."""
        rows = [(table, one) for table in TABLES for one in self._all[table]]
        there = [(table, _plain(one)) for table, one in rows if self._is_below(one, self._reached)]
        return [found for table, one in there if (found := of_row(table, one)) is not None]

    def _ends(self) -> dict[tuple[str, int], int]:
        ends: dict[tuple[str, int], int] = {}
        for rows in self._all.values():
            for row in rows:
                place = (row["topic"], row["partition"])
                ends[place] = max(ends.get(place, 0), row["offset"] + 1)
        return ends

    def _is_new(self, row: Mapping[str, Any], until: Vector) -> bool:
        return self._is_below(row, until) and not self._is_below(row, self._reached)

    def _is_below(self, row: Mapping[str, Any], vector: Vector) -> bool:
        return row["offset"] < vector.get((row["topic"], row["partition"]), 0)

    def _append(self, name: str, rows: Rows, until: Vector) -> None:
        """One commit of up to three files, as a long pause leaves them."""
        path, spec = self.names.table(name), _SPECS[name]
        files = [
            file
            for part in (rows[::3], rows[1::3], rows[2::3])
            if part
            for file in write_files(pa.Table.from_pylist(part, schema=arrow_schema(spec)), spec, path)
        ]
        said = Coverage(CLEAN_SILVER, self._batch, until).encode()
        AppendLog(path, f"test:{name}").append(files, batch_id=self._batch, user_metadata=said)


def _rows(names: Names, table: str) -> Rows:
    path = names.table(table)
    assert is_local(path)
    return DeltaTable(path).to_pyarrow_table().to_pylist()


def _plain(row: Mapping[str, Any]) -> dict[str, Any]:
    times = ("occurred_at", "ingested_at", "known_at")
    micros = {name: pc.cast(pa.scalar(row[name]), pa.int64()).as_py() for name in times}
    return dict(row) | micros
