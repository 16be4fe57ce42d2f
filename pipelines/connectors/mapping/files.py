"""A mapping applied to files: canonical records in the order of their time, in bounded memory."""

import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

import duckdb

from pipelines.connectors.mapping.database import as_mapping_error, connect, create_input, lock_down
from pipelines.connectors.mapping.formats import recognise
from pipelines.connectors.mapping.inputs import InputTable
from pipelines.connectors.mapping.records import record_sql
from pipelines.connectors.mapping.spec import Mapping
from pipelines.connectors.mapping.target import FileReport
from pipelines.contracts.parsing import FUTURE_TOLERANCE_MICROS, YEAR_2000_MICROS
from pipelines.errors import MappingError

_BATCH_ROWS = 10_000
_THREADS = 2
_MICROS = 1_000_000


class MappedRecord(NamedTuple):
    """A canonical record of a row. `occurred_at` in UTC microseconds, null when it is no time."""

    topic: str
    key: bytes | None
    value: bytes
    known_at: str | None
    occurred_at: int | None
    row: int


class TimeSpan(NamedTuple):
    """First and last plausible moment of the records, UTC microseconds (years 2000 to now)."""

    first: int
    last: int


class MappedFiles:
    """Rows of files under a mapping. Made by `open_files`."""

    def __init__(
        self, connection: duckdb.DuckDBPyConnection, mapping: Mapping, reports: Sequence[FileReport]
    ) -> None:
        self._connection = connection
        self._mapping = mapping
        self.files = tuple(reports)

    @property
    def rows(self) -> int:
        """Rows read of all files."""
        return sum(report.rows for report in self.files)

    @property
    def rejected_lines(self) -> int:
        """Lines of all files that are no row."""
        return sum(report.rejected_lines for report in self.files)

    def counts(self) -> Counter[str]:
        """Records by topic. Raises `MappingError` when the SQL fails on a row."""
        found = self._fetch(f"select _select, count(*) from ({self._records_sql(0)}) group by all")
        counted: Counter[str] = Counter()
        for number, count in found:
            counted[self._mapping.selects[number].topic] += count
        return counted

    def unmapped(self, *, examples: int = 3) -> tuple[int, list[str]]:
        """How many rows no select takes, and the first few as JSON text."""
        rows = "select * from input where _row not in (select _row from taken)"
        taken = " union all ".join(f"select _row from ({s.sql})" for s in self._mapping.selects)
        with_taken = f"with taken as materialized (select distinct _row from ({taken}))"
        ((count,),) = self._fetch(f"{with_taken} select count(*) from ({rows})")
        if not count:
            return 0, []
        shown = f"{with_taken} select json_merge_patch('{{}}', to_json(r))::varchar from ({rows}) r"
        return count, [text for (text,) in self._fetch(f"{shown} order by _row limit {examples}")]

    def repeats(self) -> int:
        """Records with the id of another one of the same visitor and topic: duplicates, or clashes."""
        topics = " ".join(f"when {n} then '{s.topic}'" for n, s in enumerate(self._mapping.selects))
        each = f"select case _select {topics} end as topic, _key, _id, count(*) as times"
        ids = f"{each} from ({self._records_sql(0)}) group by all"
        same = f"select sum(times - 1) from ({ids}) where _id is not null"
        ((count,),) = self._fetch(same)
        return int(count or 0)

    def span(self) -> TimeSpan | None:
        """First and last plausible moment, arrival times included; none when there is no time at all.

        Moments before 2000 or in the future are mistakes: they become dead letters, and must not
        decide how a whole replay is shifted or paced.
        """
        now = int(datetime.now(UTC).timestamp() * _MICROS) + FUTURE_TOLERANCE_MICROS
        moments = f"select unnest([_at, _known]) as moment from ({self._records_sql(0)})"
        plausible = f"where moment between {YEAR_2000_MICROS} and {now}"
        ((first, last),) = self._fetch(f"select min(moment), max(moment) from ({moments}) {plausible}")
        return None if first is None else TimeSpan(first, last)

    def records(self, *, shift_micros: int = 0) -> Iterator[MappedRecord]:
        """All records by time, those without a time first; all their times shifted by a constant.

        Raises `MappingError`, before the first record, when the SQL fails on a row.
        """
        topics = [select.topic for select in self._mapping.selects]
        columns = "_select, encode(_key), encode(_value), _known_at, _at, _row"
        order = "order by _at nulls first, _row, _select"
        query = f"select {columns} from ({self._records_sql(shift_micros)}) {order}"
        try:
            for batch in self._connection.sql(query).to_arrow_reader(_BATCH_ROWS):
                rows = zip(*(column.to_pylist() for column in batch.columns), strict=True)
                for number, key, value, known_at, at, row in rows:
                    yield MappedRecord(topics[number], key, value, known_at, at, row)
        except duckdb.Error as error:
            raise as_mapping_error(self._mapping.source, error) from None

    def _records_sql(self, shift_micros: int) -> str:
        selects = self._mapping.selects
        parts = (record_sql(one, number=n, shift_micros=shift_micros) for n, one in enumerate(selects))
        return " union all ".join(parts)

    def _fetch(self, query: str) -> list[tuple[Any, ...]]:
        try:
            return self._connection.execute(query).fetchall()
        except duckdb.Error as error:
            raise as_mapping_error(self._mapping.source, error) from None


def check_files(paths: Sequence[Path]) -> None:
    """Raise `MappingError` for a file that is missing, empty or binary, by its first bytes."""
    for path in paths:
        recognise(path)


@contextmanager
def open_files(
    mapping: Mapping, paths: Sequence[Path], *, scratch: Path | None = None, limit: int | None = None
) -> Iterator[MappedFiles]:
    """Read the files (about `limit` rows of them) into a temporary database below `scratch`.

    Everything is read before this returns, so that nothing is sent of a file that turns out
    damaged. Raises `MappingError` of one sentence: a file missing, empty, binary or damaged, or
    without a column that the mapping requires.
    """
    if not paths:
        raise MappingError("no file is named.")
    if scratch is not None:
        scratch.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="mapping-", dir=scratch) as folder:
        place = Path(folder)
        connection = connect(str(place / "rows.duckdb"), threads=_THREADS, scratch=place / "spill")
        try:
            table = InputTable(connection, mapping, place)
            table.load(paths, limit=limit)
            create_input(connection, mapping, table.relation)
            lock_down(connection)
            yield MappedFiles(connection, mapping, table.reports)
        finally:
            connection.close()
