"""What the marts must say, in plain Python and row by row."""

from collections import Counter, defaultdict
from datetime import timedelta
from itertools import groupby
from typing import Any

from pipelines.gold.marts import MartRules
from tests.silver.lake_rows import Row, in_duckdb

PAGES = {
    "page_view": None,
    "product_view": "product",
    "product_list_view": "category",
    "search": "search",
    "cart_view": "cart",
    "checkout_start": "checkout",
}
FUNNEL = ["product_view", "add_to_cart", "checkout_start", "order"]


def plain_marts(tables: dict[str, Any], rules: MartRules) -> dict[str, list[Row]]:
    """Mart → its rows, in any order."""
    sessions = [one for visitor in _by_visitor(tables).values() for one in _sessions(visitor, rules)]
    links = {
        row["visitor_id"]: row["user_id"] for row in in_duckdb(tables, "silver.visitor_user").to_pylist()
    }
    people = [one for one in sessions if not one["is_bot"]]
    return {
        "gold.sessions": sessions,
        "gold.daily_sessions": _daily(sessions),
        "gold.funnels": _funnels(people),
        "gold.paths": _paths(people),
        "gold.cohorts": _cohorts(people, links, rules.period_days),
    }


def _by_visitor(tables: dict[str, Any]) -> dict[str, list[Row]]:
    """Events and orders of each visitor, in their order of time."""
    arrived = sorted(
        tables["silver.events"].to_pylist(),
        key=lambda row: (row["ingested_at"], row["topic"], row["partition"], row["offset"]),
    )
    firsts: dict[tuple[str, str], Row] = {}
    for row in arrived:
        firsts.setdefault((row["visitor_id"], row["event_id"]), row)
    done = [row | {"is_order": False} for row in firsts.values() if row["event_type"] != "ad_impression"]
    moments: dict[str, Any] = {}
    for row in tables["silver.orders"].to_pylist():
        if row["status"] not in ("refunded", "cancelled"):
            moments[row["order_id"]] = min(
                row["occurred_at"], moments.get(row["order_id"], row["occurred_at"])
            )
    for row in in_duckdb(tables, "silver.orders_current").to_pylist():
        if row["order_id"] in moments:
            said = {"is_order": True, "event_type": "order", "event_id": row["order_id"]}
            done.append(row | said | {"occurred_at": moments[row["order_id"]]})
    found = defaultdict(list)
    for row in sorted(done, key=lambda row: (row["occurred_at"], row["is_order"], row["event_id"])):
        found[row["visitor_id"]].append(row)
    return found


def _sessions(rows: list[Row], rules: MartRules) -> list[Row]:
    """The sessions of one visitor."""
    chains: list[list[Row]] = []
    for row in rows:
        gap = timedelta(seconds=rules.gap_seconds)
        if not chains or row["occurred_at"] - chains[-1][-1]["occurred_at"] > gap:
            chains.append([])
        chains[-1].append(row)
    members: dict[tuple[bool, Any], list[Row]] = defaultdict(list)
    for number, chain in enumerate(chains):
        sent = [row["session_id"] for row in chain]
        last = next((one for one in sent if one is not None), None)
        for row in chain:
            last = row["session_id"] if row["session_id"] is not None else last
            members[(last is None, number if last is None else last)].append(row)
    return [_session(by_gap, name, done, rules) for (by_gap, name), done in members.items()]


def _session(by_gap: bool, name: Any, done: list[Row], rules: MartRules) -> Row:
    start, end = done[0]["occurred_at"], done[-1]["occurred_at"]
    micros = (start - start.replace(microsecond=0)).microseconds + int(start.timestamp()) * 1_000_000
    events = Counter(row["event_type"] for row in done)
    page_views = sum(events[one] for one in PAGES)
    touch = next((row for row in done if row.get("traffic_source") is not None), {})
    others = events["add_to_cart"] + events["checkout_start"] + events["order"]
    return _earned(done) | {
        "session_date": start.date(),
        "visitor_id": done[0]["visitor_id"],
        "session_id": f"gap:{micros}" if by_gap else name,
        "is_by_gap": by_gap,
        "gap_seconds": rules.gap_seconds,
        "user_id": _first(done[::-1], "user_id"),
        "started_at": start,
        "ended_at": end,
        "duration_seconds": (end - start) // timedelta(seconds=1),
        "events": len(done) - events["order"],
        "page_views": page_views,
        "product_views": events["product_view"],
        "carts": events["add_to_cart"],
        "checkouts": events["checkout_start"],
        "orders": events["order"],
        "landing_page": _first(done, "page_path"),
        "exit_page": _first(done[::-1], "page_path"),
        "source": touch.get("traffic_source", "direct"),
        "medium": touch.get("traffic_medium"),
        "campaign": touch.get("traffic_campaign"),
        "device_class": _first(done, "device_class"),
        "country": _first(done, "country"),
        "is_bot": any(row.get("is_bot") for row in done),
        "is_bounce": page_views <= 1 and not others,
        "funnel_step": _step([row["event_type"] for row in done]),
        "path_steps": rules.path_steps,
        "path": _path(done, rules.path_steps),
    }


def _first(rows: list[Row], column: str) -> Any:
    return next((row[column] for row in rows if row.get(column) is not None), None)


def _earned(done: list[Row]) -> Row:
    paid = [row for row in done if row["is_order"] and (row["paid_at"] or row["refunded_at"])]
    currency = paid[0]["currency"] if paid else None
    home = [row["net_minor"] for row in paid if row["currency"] == currency]
    known = [one for one in home if one is not None]
    revenue = None if home and not known else sum(known)
    foreign = len(paid) - len(home)
    return {
        "paid_orders": len(paid),
        "currency": currency,
        "revenue_minor": revenue,
        "foreign_orders": foreign,
    }


def _step(types: list[str]) -> int:
    reached = 0
    for one in types:
        if reached < 4 and one == FUNNEL[reached]:
            reached += 1
        elif reached == 2 and one == "order":
            reached = 4
    return reached


def _path(done: list[Row], steps: int) -> str | None:
    opened = [row["page_type"] or PAGES[row["event_type"]] for row in done if row["event_type"] in PAGES]
    kinds = [kind for kind, _ in groupby(one for one in opened if one is not None)]
    return " > ".join(kinds[:steps]) or None


def _daily(sessions: list[Row]) -> list[Row]:
    sums: dict[tuple[Any, ...], Counter[str]] = defaultdict(Counter)
    for one in sessions:
        key = (one["session_date"], one["source"], one["device_class"] or "unknown")
        total = sums[*key, one["is_bot"], one["currency"] or ""]
        names = ("events", "page_views", "duration_seconds", "orders", "paid_orders")
        total.update({name: one[name] for name in names})
        total.update({"sessions": 1, "bounces": one["is_bounce"], "revenue_minor": one["revenue_minor"] or 0})
    keys = ("session_date", "source", "device_class", "is_bot", "currency")
    return [dict(zip(keys, key, strict=True)) | total for key, total in sums.items()]


def _funnels(people: list[Row]) -> list[Row]:
    groups: dict[tuple[Any, ...], list[Row]] = defaultdict(list)
    for one in people:
        groups[one["session_date"], one["source"], one["device_class"] or "unknown"].append(one)
    rows = []
    for key, members in groups.items():
        came = [[one["visitor_id"] for one in members if one["funnel_step"] >= step] for step in range(5)]
        row = dict(zip(("session_date", "source", "device_class"), key, strict=True))
        steps = ("sessions", "viewed", "carted", "checked_out", "ordered")
        row |= {step: len(there) for step, there in zip(steps, came, strict=True)}
        of = ("visitors", *(f"{one}_visitors" for one in ("viewing", "carting", "checking_out", "ordering")))
        row |= {name: len(set(there)) for name, there in zip(of, came, strict=True)}
        row["conversion_micros"] = len(came[4]) * 1_000_000 // len(came[1]) if came[1] else None
        rows.append(row)
    return rows


def _paths(people: list[Row]) -> list[Row]:
    groups: dict[Any, dict[str, list[int]]] = defaultdict(lambda: defaultdict(list))
    for one in people:
        if one["path"] is not None:
            groups[one["session_date"]][one["path"]].append(one["orders"])
    return [
        {"session_date": day, "path": path, "place": place, "sessions": len(orders)}
        | {"ordering_sessions": sum(1 for one in orders if one), "orders": sum(orders)}
        for day, paths in groups.items()
        for place, (path, orders) in enumerate(
            sorted(paths.items(), key=lambda item: (-len(item[1]), item[0])), start=1
        )
    ]


def _cohorts(people: list[Row], links: dict[str, str], period_days: int) -> list[Row]:
    seen: dict[tuple[bool, str], dict[Any, bool]] = defaultdict(dict)
    for one in people:
        visitor, day = one["visitor_id"], one["session_date"]
        person = (visitor in links, links.get(visitor, visitor))
        period = day - timedelta(days=day.weekday() if period_days == 7 else 0)
        seen[person][period] = seen[person].get(period, False) or one["paid_orders"] > 0
    counts: dict[tuple[Any, int], list[int]] = defaultdict(lambda: [0, 0])
    for periods in seen.values():
        for period, buys in periods.items():
            count = counts[min(periods), (period - min(periods)).days // period_days]
            count[0], count[1] = count[0] + 1, count[1] + buys
    return [
        {"period_days": period_days, "cohort_date": cohort, "periods_since": since}
        | {"people": counts[cohort, 0][0], "active": active, "buyers": buyers}
        for (cohort, since), (active, buyers) in counts.items()
    ]
