"""The same training frame in DuckDB, written for speed by hand, each set in the way that is faster for it.

Times differ, so strictly before is one row less. A trailing window is either a range frame over the
entity's events that begins with the tile which holds its start (faster where entities have few events), or
what came before in the row's own tile and a range frame over the tiles before (where they have many).
One query a set, each filtered to the decisions; joined by row id.
"""

import time
from pathlib import Path

import duckdb

from tests.benchmarks.pit_data import DECISION, MICROS

_HOUR, _DAY = 3600 * MICROS, 86_400 * MICROS
_WINDOWS = {"": None, "_24h": (_DAY, _HOUR), "_7d": (7 * _DAY, _DAY)}
_TRAILING = {suffix: window for suffix, window in _WINDOWS.items() if window is not None}
_SUMS = ("events", "views", "carts", "purchases", "spent", "viewed")
_EXTREMES = {"cheapest": "min", "dearest": "max"}
_ROWS = """
    select event_id, kind, occurred_at, visitor_id, session_id, product_id, 1 as events,
        (kind = 'product_view')::int as views, (kind = 'add_to_cart')::int as carts,
        (kind = 'purchase')::int as purchases,
        case when kind = 'purchase' then price_minor end as spent,
        case when kind = 'product_view' then price_minor end as viewed,
        viewed as cheapest, viewed as dearest,
        case when kind = 'product_view' then occurred_at end as view_at
    from read_parquet('{events}')
"""
_BEFORE = "rows between unbounded preceding and 1 preceding"


def run_duckdb(events: Path, output: Path, *, memory: str) -> float:
    """Write the training frame of the file's decisions; how many seconds that took."""
    with duckdb.connect(":memory:") as connection:
        connection.execute("set memory_limit = $1", [memory])
        connection.execute("set temp_directory = $1", [str(output.parent / "duckdb-spill")])
        connection.execute("set preserve_insertion_order = false")
        began = time.monotonic()
        connection.execute(_query(events, output))
        return time.monotonic() - began


def _query(events: Path, output: Path) -> str:
    sets = {
        "user": _finished("user", _by_frames("visitor_id", tuple(_WINDOWS)), tuple(_WINDOWS)),
        "product": _finished("product", _by_tiles("product_id"), tuple(_WINDOWS)),
        "session": _finished("session", _by_frames("visitor_id, session_id", ("",)), ("",)),
    }
    parts = ", ".join(f"{name}_set as ({query})" for name, query in sets.items())
    joined = "user_set join product_set using (row_id) join session_set using (row_id)"
    rows = _ROWS.format(events=events)
    return f"copy (with rows as not materialized ({rows}), {parts} select * from {joined}) to '{output}'"


def _by_frames(keys: str, windows: tuple[str, ...]) -> str:
    order = f"partition by {keys} order by occurred_at"
    frames = [f"w as ({order} {_BEFORE})"]
    for suffix in windows:
        if suffix:
            length, hop = _TRAILING[suffix]
            back = f"occurred_at - (occurred_at - {length}) // {hop} * {hop}"
            frames.append(f"w{suffix} as ({order} range between {back} preceding and 1 preceding)")
    values = ", ".join(_aggregated(suffix, f"w{suffix}") for suffix in windows)
    return _running(keys, values, frames)


def _by_tiles(key: str) -> str:
    """In two steps: the decisions with what came before in their tiles, and the tiles before."""
    order, frames, values, tiles, joins, combined = f"partition by {key}", [], [], [], [], []
    frames.append(f"w as ({order} order by occurred_at {_BEFORE})")
    values.append(_aggregated("", "w"))
    for suffix, (length, hop) in _TRAILING.items():
        tile, name = f"occurred_at // {hop}", f"tiles{suffix}"
        frames.append(f"w{suffix} as ({order}, {tile} order by occurred_at {_BEFORE})")
        values += [_aggregated(f"{suffix}_head", f"w{suffix}"), f"{tile} as tile{suffix}"]
        tiles.append(f"{name} as ({_tiles(key, suffix, tile, length // hop)})")
        joins.append(f"join {name} using ({key}, tile{suffix})")
        combined += [
            f"coalesce({one}{suffix}_head, 0) + coalesce({one}{suffix}_tiles, 0) as {one}{suffix}"
            for one in _SUMS
        ]
        combined += [
            f"{function}({one}{suffix}_head, {one}{suffix}_tiles) as {one}{suffix}"
            for one, function in (("cheapest", "least"), ("dearest", "greatest"))
        ]
    running = _running(key, ", ".join([*values, key]), frames)
    return (
        f"with running as ({running}), {', '.join(tiles)}"
        f" select running.*, {', '.join(combined)} from running {' '.join(joins)}"
    )


def _tiles(key: str, suffix: str, tile: str, before: int) -> str:
    functions = dict.fromkeys(_SUMS, "sum") | _EXTREMES
    values = ", ".join(f"{function}({one})::bigint as {one}" for one, function in functions.items())
    folded = ", ".join(
        f"{function}({one}) over w as {one}{suffix}_tiles" for one, function in functions.items()
    )
    made = f"select {key}, {tile} as tile{suffix}, {values} from rows group by all"
    frame = f"partition by {key} order by tile{suffix} range between {before} preceding and 1 preceding"
    return f"select {key}, tile{suffix}, {folded} from ({made}) window w as ({frame})"


def _running(keys: str, values: str, frames: list[str]) -> str:
    there = " and ".join(f"{key} is not null" for key in keys.split(", "))
    return (
        f"select event_id, kind, occurred_at, {values}, lag(occurred_at) over w0 as last_at,"
        " max(view_at) over w as view_at, first_value(occurred_at) over w as first_at"
        f" from rows where {there}"
        f" window w0 as (partition by {keys} order by occurred_at), {', '.join(frames)}"
        f" qualify kind = '{DECISION}'"
    )


def _aggregated(suffix: str, window: str) -> str:
    functions = dict.fromkeys(_SUMS, "sum") | _EXTREMES
    return ", ".join(
        f"{function}({one}) over {window} as {one}{suffix}" for one, function in functions.items()
    )


def _finished(name: str, query: str, windows: tuple[str, ...]) -> str:
    """The outputs of one set for each decision; an entity that has expired is unknown."""
    lives = f"occurred_at <= last_at + case when purchases > 0 then {_DAY} else {30 * _DAY} end"
    known = f"select *, coalesce({lives}, false) as is_known from ({query})"
    outputs = [_since(name, *of) for of in (("recency", "view"), ("age", "first"))]
    for suffix in windows:
        for one in ("events", "views", "carts", "purchases", "spent"):
            value = f"case when is_known then coalesce({one}{suffix}, 0) else 0 end::bigint"
            outputs.append(f"{value} as {name}__{one}{suffix}")
        for one, above in (("price", "viewed"), ("cart_rate", "carts"), ("purchase_rate", "purchases")):
            value = f"{above}{suffix}::double / nullif(views{suffix}, 0)::double"
            outputs.append(f"case when is_known then {value} end as {name}__{one}{suffix}")
        outputs += [
            f"case when is_known then {one}{suffix} end as {name}__{one}{suffix}" for one in _EXTREMES
        ]
    return f"select event_id as row_id, {', '.join(outputs)} from ({known})"


def _since(name: str, feature: str, moment: str) -> str:
    value = f"(occurred_at - {moment}_at) // {MICROS}"
    return f"case when is_known then {value} end as {name}__{feature}"
