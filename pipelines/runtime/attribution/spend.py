"""What advertising cost: read from a CSV file, kept in Postgres by day, source, medium and campaign."""

import csv
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any, NamedTuple

from psycopg2.extensions import connection as Connection
from psycopg2.extras import execute_values

from pipelines.contracts.fields import MAX_MONEY_MINOR
from pipelines.contracts.money import minor_digits
from pipelines.errors import SettingsError

_NAMES = {
    "day": ("day", "date_day", "date"),
    "source": ("source", "utm_source"),
    "medium": ("medium", "utm_medium"),
    "campaign": ("campaign", "utm_campaign"),
    "amount": ("amount", "spend", "cost"),
}
_REQUIRED = ("day", "source", "amount")


class Spend(NamedTuple):
    """What one campaign cost on one day, in minor units; medium and campaign may be empty."""

    day: date
    source: str
    medium: str
    campaign: str
    amount_minor: int


def read_spend(path: Path, *, currency: str) -> list[Spend]:
    """The file's spend, rows of one campaign and day added up; amounts have the currency's decimals at most.

    Raises `SettingsError` naming the line and what is wrong with it.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file)
            columns = _columns(path, reader.fieldnames or ())
            found = list(_rows(path, reader, columns, minor_digits(currency)))
    except OSError as error:
        raise SettingsError(f"{path} cannot be read: {error.strerror}.") from None
    except (UnicodeDecodeError, csv.Error) as error:
        raise SettingsError(f"{path} cannot be read as CSV: {error}.") from None
    amounts: dict[Spend, int] = defaultdict(int)
    for one in found:
        amounts[one._replace(amount_minor=0)] += one.amount_minor
    return sorted(key._replace(amount_minor=amount) for key, amount in amounts.items())


def _columns(path: Path, there: Sequence[str]) -> dict[str, str]:
    """Our name → the file's."""
    columns = {}
    for name, aliases in _NAMES.items():
        match = next((alias for alias in aliases if alias in there), None)
        if match is None and name in _REQUIRED:
            raise SettingsError(
                f"{path} has no column {' or '.join(aliases)}; it has {', '.join(there) or 'none'}."
            )
        if match is not None:
            columns[name] = match
    return columns


def _rows(path: Path, reader: "csv.DictReader[str]", columns: dict[str, str], digits: int) -> Iterator[Spend]:
    for row in reader:
        try:
            values = _values(row, columns)
            yield Spend(
                day=_day(values["day"]),
                source=_named(values["source"]),
                medium=values.get("medium", ""),
                campaign=values.get("campaign", ""),
                amount_minor=_minor(values["amount"], digits),
            )
        except ValueError as error:
            raise SettingsError(f"{path}, line {reader.line_num}: {error}.") from None


def _values(row: Mapping[str | None, Any], columns: dict[str, str]) -> dict[str, str]:
    if None in row:
        raise ValueError("it has more fields than the header; a text with a comma needs quotes")
    values = {name: (row.get(column) or "").strip() for name, column in columns.items()}
    if any("\0" in value for value in values.values()):
        raise ValueError("it has a NUL character")
    return values


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise ValueError(f"`{text}` is no day like 2026-11-22") from None


def _named(source: str) -> str:
    if not source:
        raise ValueError("the source is empty")
    return source


def _minor(text: str, digits: int) -> int:
    try:
        amount = Decimal(text).scaleb(digits)
    except InvalidOperation:
        raise ValueError(f"`{text}` is no amount") from None
    if not amount.is_finite() or amount != amount.to_integral_value():
        raise ValueError(f"`{text}` is no amount with at most {digits} decimals")
    if not 0 <= amount <= MAX_MONEY_MINOR:
        raise ValueError(f"`{text}` is out of range")
    return int(amount)


def store_spend(connection: Connection, rows: Sequence[Spend], *, currency: str) -> None:
    """Put the rows in the place of all spend of their days in the currency. Twice is the same as once."""
    with connection, connection.cursor() as cursor:
        days = sorted({one.day for one in rows})
        cursor.execute("delete from gold.spend where day = any(%s) and currency = %s", (days, currency))
        execute_values(
            cursor,
            "insert into gold.spend (day, source, medium, campaign, amount_minor, currency) values %s",
            [(*one, currency) for one in rows],
        )
