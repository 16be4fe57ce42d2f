"""In which batch of the stream each row came, and which orders that makes a difference to."""

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from deltalake import DeltaTable
from deltalake.exceptions import TableNotFoundError

from pipelines.connectors.names import ATTRIBUTE_ORDERS, Names
from pipelines.contracts.attribution import CHECKOUTS, TOUCHPOINTS
from pipelines.contracts.positions import Coverage, Vector

Row = dict[str, Any]
_MICROS = 1_000_000
_LATER = ("refunded", "cancelled")
_VERSIONS = {"silver.users": "user_id", "silver.products": "product_id"}


class Arrived(NamedTuple):
    """A row of a silver table with its position, and the batch that it came in."""

    batch: int
    table: str
    row: Row

    @property
    def place(self) -> tuple[Any, ...]:
        """By batch, then by the broker's clock."""
        names = ("ingested_at", "topic", "partition", "offset")
        return (self.batch, *(self.row[name] for name in names))


class Cuts:
    """Where batches end that the lake has rows of: versions between two of them come with the later."""

    def __init__(self, vectors: Sequence[Vector]) -> None:
        self._ends: dict[tuple[str, int], list[int]] = {}
        for place in {place for vector in vectors for place in vector}:
            self._ends[place] = [vector.get(place, 0) for vector in vectors]

    def batch_of(self, topic: str, partition: int, offset: int) -> int:
        """The number of the batch with the record at that position, counted among these."""
        return bisect_right(self._ends.get((topic, partition), []), offset)


def cuts_of(names: Names) -> Cuts:
    """The ends of all batches that brought an order or a touch, from the log of the gold tables."""
    found: dict[int, Vector] = {}
    for table in (CHECKOUTS.name, TOUCHPOINTS.name):
        try:
            commits = DeltaTable(names.table(table)).history()
        except TableNotFoundError:
            continue
        for coverage in (Coverage.decode(commit.get("userMetadata")) for commit in commits):
            if coverage is not None and coverage.query == ATTRIBUTE_ORDERS:
                found[coverage.batch_id] = coverage.positions
    return Cuts([vector for _, vector in sorted(found.items())])


def late_orders(arrived: Iterable[Arrived], *, look_back_seconds: int, late_seconds: int) -> set[str]:
    """Orders of which the stream may have seen less than has come since.

    A message or touch may find no partner once data `late_seconds` newer has come before it; and a
    version of the user or a product does not change what came in batches before.
    """
    ordered = sorted(arrived, key=lambda one: one.place)
    touches, messages = _late(ordered, late_seconds * _MICROS)
    by_visitor: dict[str, list[int]] = defaultdict(list)
    for row in touches:
        by_visitor[row["visitor_id"]].append(row["occurred_at"])
    versions: dict[tuple[str, str], list[tuple[int, int]]] = defaultdict(list)
    for batch, table, row in ordered:
        if table in _VERSIONS:
            versions[table, row[_VERSIONS[table]]].append((batch, row["valid_from"]))
    found = {row["order_id"] for row in messages}
    for batch, table, row in ordered:
        if table == "silver.orders":
            at = row["occurred_at"]
            named = [("silver.users", row["user_id"]), ("silver.products", row["product_id"])]
            held = [one for name in named for one in versions.get(name, ())]
            since = at - look_back_seconds * _MICROS
            if any(came > batch and valid_from <= at for came, valid_from in held) or any(
                since <= touched <= at for touched in by_visitor.get(row["visitor_id"], ())
            ):
                found.add(row["order_id"])
    return found


def _late(ordered: Iterable[Arrived], tolerated: int) -> tuple[list[Row], list[Row]]:
    """Touches and messages that came when the newest of both was that much newer, in microseconds."""
    newest = 0
    touches: list[Row] = []
    messages: list[Row] = []
    for _, table, row in ordered:
        is_touch = table == "silver.events" and row["traffic_source"] is not None
        is_message = table == "silver.orders" and row["status"] not in _LATER
        if is_touch or is_message:
            if row["occurred_at"] <= newest - tolerated:
                (touches if is_touch else messages).append(row)
            newest = max(newest, row["occurred_at"])
    return touches, messages
