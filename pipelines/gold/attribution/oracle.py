"""The book of orders by plain Python: all rows at once, dictionaries, nothing clever.

What streams, batches, crashes and restarts have left in Postgres must equal this, row for row. It shares
with them the reading of records, the arithmetic of one order's amounts and the models, nothing else.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from pipelines.gold.attribution.amounts import Line, amounts_of
from pipelines.gold.attribution.fits import Fit, credit
from pipelines.gold.attribution.models import all_models
from pipelines.gold.attribution.oracle_minutes import MINUTE, Row, Tables, by_minute
from pipelines.gold.attribution.oracle_money import money_of, parts_of
from pipelines.gold.attribution.touches import LONGEST_NAME, MICROS, Path, Touch

_LATER = ("refunded", "cancelled")
_SAID = (
    *("order_id", "visitor_id", "event_id", "topic", "partition", "offset", "ingested_at", "occurred_at"),
    *("user_id", "status", "failure_reason", "payment_method", "currency", "shipping_minor", "discount_bp"),
)
_OF_ORDER = ("order_id", "look_back_seconds", "currency", "ordered_minute", "is_final")
_TOUCH = ("visitor_id", "event_id", "topic", "partition", "offset", "occurred_at")


class AttributionOracle:
    """Takes rows of silver's orders, events, users and products, and gives the tables of `gold`.

    Each row comes with its position, its time of arrival, and the number of the batch that it came in:
    a message is enriched with the versions that its batch or an earlier one brought.
    """

    def __init__(self, *, look_back_seconds: int, fits: Sequence[Fit] = ()) -> None:
        self._look_back = look_back_seconds
        self._fits = fits
        self._messages: dict[tuple[Any, ...], list[Row]] = defaultdict(list)
        self._touches: dict[str, list[Row]] = defaultdict(list)
        self._versions: dict[tuple[str, str], list[Row]] = defaultdict(list)

    def take(self, table: str, row: Mapping[str, Any], *, batch: int) -> None:
        """Add a row of that table; of an order, one of its lines. Rows of other tables are passed over."""
        noted = {**row, "batch": batch}
        if table == "silver.orders":
            self._messages[*_arrival(noted), noted["order_id"], noted["event_id"]].append(noted)
        elif table == "silver.events" and noted["traffic_source"] is not None:
            self._touches[noted["visitor_id"]].append(noted)
        elif table in ("silver.users", "silver.products"):
            self._versions[table, noted["user_id" if table == "silver.users" else "product_id"]].append(noted)

    def tables(self, *, watermark: int | None = None) -> Tables:
        """Table → rows in the columns of Postgres, times in UTC microseconds.

        Orders before `watermark` (UTC microseconds) are final.
        """
        checkouts = self._checkouts()
        touchpoints = self._touchpoints(lines[0] for lines in self._messages.values())
        clicks = _by_order(touchpoints)
        orders, credited = [], []
        for order_id, messages in _by_order(checkouts).items():
            order = _standing(messages)
            path = self._path(order, clicks[order_id])
            order["touches"] = len(path.touches)
            order["look_back_seconds"] = self._look_back
            order["is_final"] = watermark is not None and order["ordered_at"] < watermark
            orders.append(order)
            credited += self._credits(order, path)
        own = {"checkouts": checkouts, "touchpoints": touchpoints}
        own |= {"orders": orders, "attributed_orders": credited}
        return own | by_minute(checkouts, orders, credited)

    def _checkouts(self) -> list[Row]:
        found: dict[tuple[str, str, str], Row] = {}
        for lines in sorted(self._messages.values(), key=lambda some: (some[0]["batch"], _arrival(some[0]))):
            head = lines[0]
            key = (head["order_id"], head["visitor_id"], head["event_id"])
            if key not in found:
                found[key] = self._checkout(sorted(lines, key=lambda line: int(line["line_number"])))
        return list(found.values())

    def _checkout(self, lines: list[Row]) -> Row:
        head = lines[0]
        priced = [self._priced(line) for line in lines]
        amounts = amounts_of(
            priced,
            shipping_minor=head["shipping_minor"],
            discount_bp=head["discount_bp"],
            sent_total_minor=head["total_minor"],
        )
        user = self._then("silver.users", head["user_id"], head)
        return {
            **{name: head[name] for name in _SAID},
            **{name: user.get(name) for name in ("level", "gender", "country")},
            "sent_total_minor": head["total_minor"],
            "goods_minor": amounts.goods_minor,
            "total_minor": amounts.total_minor,
            "profit_minor": amounts.profit_minor,
            "total_agrees": amounts.agrees,
            "lines": [{**line._asdict(), "goods_minor": line.goods_minor} for line in priced],
        }

    def _priced(self, line: Row) -> Line:
        product = self._then("silver.products", line["product_id"], line)
        price = line["unit_price_minor"]
        if price is None and None in (product.get("currency"), line["currency"]):
            price = product.get("price_minor")
        elif price is None and product["currency"] == line["currency"]:
            price = product["price_minor"]
        category = line["category"] or product.get("category")
        return Line(
            line["line_number"],
            line["product_id"],
            line["quantity"],
            price,
            category,
            product.get("commission_bp"),
        )

    def _then(self, table: str, name: str | None, message: Row) -> Row:
        """The version that held when the message was said, of those that had come by its batch."""
        held: Row = {}
        for one in self._versions.get((table, name or ""), ()):
            known = one["batch"] <= message["batch"] and one["valid_from"] <= message["occurred_at"]
            if known and (not held or _since(one) > _since(held)):
                held = one
        return {} if held.get("is_deleted") else held

    def _touchpoints(self, messages: Iterable[Row]) -> list[Row]:
        """One per order and click: the copy that came first of those within reach of a message."""
        reached: dict[tuple[str, str, str], tuple[Any, Row]] = {}
        for message in messages:
            until = message["occurred_at"]
            for one in self._touches.get(message["visitor_id"], ()):
                since = until - self._look_back * MICROS
                if message["status"] in _LATER or not since <= one["occurred_at"] <= until:
                    continue
                key = (message["order_id"], one["visitor_id"], one["event_id"])
                met = (max(message["batch"], one["batch"]), _arrival(one))
                if key not in reached or met < reached[key][0]:
                    reached[key] = (met, one)
        return [_touchpoint(key[0], one) for key, (_, one) in reached.items()]

    def _path(self, order: Row, touchpoints: Iterable[Row]) -> Path:
        until = order["ordered_at"]
        since = until - self._look_back * MICROS
        names = ("occurred_at", "event_id", "visitor_id", "source", "medium", "campaign")
        found = [Touch(*(one[name] for name in names)) for one in touchpoints]
        return Path(until, tuple(sorted(t for t in found if since <= t[0] <= until)), self._look_back)

    def _credits(self, order: Row, path: Path) -> list[Row]:
        if not order["is_paid"]:
            return []
        said: list[tuple[str, int | None, Mapping[str, int]]]
        said = [(name, None, model.credit(path)) for name, model in all_models().items()]
        said += [(fit.model, fit.fit_version, credit(path, fit)) for fit in self._fits]
        same = {name: order[name] for name in _OF_ORDER}
        rows = []
        for model, fit_version, shares in said:
            revenue, profit = (parts_of(shares, order[name]) for name in ("net_minor", "profit_minor"))
            for source, share in shares.items():
                earned = {"revenue_minor": revenue.get(source), "profit_minor": profit.get(source)}
                who = {"model": model, "fit_version": fit_version, "source": source, "share_micros": share}
                rows.append(same | who | earned)
        return rows


def _by_order(rows: Iterable[Row]) -> dict[str, list[Row]]:
    found: dict[str, list[Row]] = defaultdict(list)
    for one in rows:
        found[one["order_id"]].append(one)
    return found


def _arrival(row: Row) -> tuple[Any, ...]:
    return (row["ingested_at"], row["topic"], row["partition"], row["offset"])


def _since(version: Row) -> tuple[Any, ...]:
    return (version["valid_from"], version["topic"], version["partition"], version["offset"])


def _touchpoint(order_id: str, event: Row) -> Row:
    origin = {
        name: (event[f"traffic_{name}"] or "")[:LONGEST_NAME] or None
        for name in ("source", "medium", "campaign")
    }
    return {"order_id": order_id, **{name: event[name] for name in _TOUCH}, **origin}


def _standing(messages: list[Row]) -> Row:
    """The order after its messages, one after the other by the shop's clock."""
    story = sorted(messages, key=lambda one: (one["occurred_at"], one["event_id"], _arrival(one)))
    said = [one for one in story if one["status"] not in _LATER]
    first = (said or story)[0]
    order: Row = {name: first[name] for name in ("order_id", "level", "gender", "country")}
    order |= {"payment_method": None, "currency": None, "user_id": None, "lines": []}
    paid, off = False, False
    for one in story:
        paid = paid or one["status"] in ("paid", "refunded")
        off = one["status"] == "cancelled" or (off and one["status"] != "paid")
        order["user_id"] = order["user_id"] or one["user_id"]
        if one["status"] not in _LATER:
            order["lines"] = one["lines"]
            order |= {name: one[name] for name in ("payment_method", "currency") if one[name] is not None}
    at = first["occurred_at"]
    return {
        **order,
        "visitor_id": story[0]["visitor_id"],
        "ordered_at": at,
        "ordered_minute": at - at % MINUTE,
        "status": story[-1]["status"],
        "is_paid": paid and not off,
        "versions": len(story),
        "first_ingested_at": min(one["ingested_at"] for one in story),
        **money_of(said, [one for one in story if one["status"] == "refunded"], paid=paid, off=off),
    }
