"""Versions of users and products in Postgres, and which of them held at an order's time."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from psycopg2.extensions import cursor as Cursor
from psycopg2.extras import execute_values

from pipelines.contracts.clock import moment
from pipelines.gold.attribution.standing import NOBODY, Buyer

_NEWEST = 'valid_from desc, topic desc, partition desc, "offset" desc'
"""The version that holds comes first; the rule of the view silver.users_periods."""


class ProductThen(NamedTuple):
    """What a product's version says; all null when none held."""

    category: str | None = None
    price_minor: int | None = None
    currency: str | None = None
    commission_bp: int | None = None


def store_versions(
    cursor: Cursor, users: Iterable[Mapping[str, Any]], products: Iterable[Mapping[str, Any]]
) -> None:
    """Add versions, rows of silver.users and silver.products; one that is there already changes nothing."""
    where = ("topic", "partition", "offset")
    _store(cursor, "user", users, ("user_id", "valid_from", *where, "level", "gender", "country"))
    prices = ("category", "price_minor", "currency", "commission_bp")
    _store(cursor, "product", products, ("product_id", "valid_from", *where, *prices))


def _store(cursor: Cursor, kind: str, versions: Iterable[Mapping[str, Any]], names: Sequence[str]) -> None:
    columns = [*names, "is_deleted"]
    rows = [[moment(one[n]) if n == "valid_from" else one[n] for n in columns] for one in versions]
    quoted = ", ".join(f'"{name}"' for name in columns)
    statement = f"insert into gold.{kind}_versions ({quoted}) values %s on conflict do nothing"  # noqa: S608 - constants
    execute_values(cursor, statement, rows, page_size=1000)


def buyers_at(cursor: Cursor, wanted: Sequence[tuple[str | None, int]]) -> list[Buyer]:
    """What was known of each user at a moment (UTC microseconds): one for each that is asked for."""
    found = _held(cursor, "user", wanted, ("level", "gender", "country"))
    return [NOBODY if one is None else Buyer(*one) for one in found]


def products_at(cursor: Cursor, wanted: Sequence[tuple[str, int]]) -> list[ProductThen]:
    """What each product was at a moment (UTC microseconds): one for each that is asked for."""
    found = _held(cursor, "product", wanted, ProductThen._fields)
    return [ProductThen() if one is None else ProductThen(*one) for one in found]


def _held(
    cursor: Cursor, kind: str, wanted: Sequence[tuple[str | None, int]], columns: Sequence[str]
) -> list[tuple[Any, ...] | None]:
    """The columns of the version that held; null where none did, or the one that did was deleted."""
    statement = f"""
        select v.is_deleted, {", ".join(f"v.{name}" for name in columns)}
        from unnest(%s::text[], %s::timestamptz[]) with ordinality as w (id, at, number)
        left join lateral (
            select * from gold.{kind}_versions
            where {kind}_id = w.id and valid_from <= w.at
            order by {_NEWEST} limit 1
        ) as v on true
        order by w.number"""  # noqa: S608 - constants
    cursor.execute(statement, ([one for one, _ in wanted], [moment(at) for _, at in wanted]))
    return [None if row[0] in (None, True) else tuple(row[1:]) for row in cursor]
