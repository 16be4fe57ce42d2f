"""The same training frame in DuckDB: window frames over each entity's events, written for speed by hand.

Times differ, so strictly before is one row less. A trailing window is a range frame that begins with the
tile which holds its start. One query a set, each filtered to the decisions; joined by row id.
"""

import time
from pathlib import Path

import duckdb

from tests.benchmarks.pit_data import DECISION, MICROS

_HOUR, _DAY = 3600 * MICROS, 86_400 * MICROS
_WINDOWS = {"": None, "_24h": (_DAY, _HOUR), "_7d": (7 * _DAY, _DAY)}
_SETS = {
    "user": ("visitor_id", ("", "_24h", "_7d")),
    "product": ("product_id", ("", "_24h", "_7d")),
    "session": ("visitor_id, session_id", ("",)),
}


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
    parts = ",\n".join(f"{name}_set as ({_set(name, *of)})" for name, of in _SETS.items())
    joined = " left join ".join(
        f"{name}_set" + (" using (row_id)" if number else "") for number, name in enumerate(_SETS)
    )
    return (
        f"copy (with rows as (select * from read_parquet('{events}')),\n{parts}\n"
        f"select * from {joined}) to '{output}' (format parquet)"
    )


def _set(name: str, keys: str, windows: tuple[str, ...]) -> str:
    """The outputs of one set for each decision; an entity that has expired is unknown."""
    frames = ", ".join(f"w{suffix} as ({_frame(keys, suffix)})" for suffix in windows)
    sums = ", ".join(_sums(suffix) for suffix in windows)
    there = " and ".join(f"{key} is not null" for key in keys.split(", "))
    inner = (
        f"select event_id, kind, occurred_at, {sums}, lag(occurred_at) over w0 as last_at,"
        " max(occurred_at) filter (kind = 'product_view') over w as view_at,"
        f" first_value(occurred_at) over w as first_at from rows where {there}"
        f" window w0 as (partition by {keys} order by occurred_at), {frames}"
        f" qualify kind = '{DECISION}'"
    )
    lives = f"occurred_at <= last_at + case when purchases > 0 then {_DAY} else {30 * _DAY} end"
    known = f"select *, coalesce({lives}, false) as is_known from ({inner})"
    outputs = [
        *_outputs(name, windows),
        *(_since(name, *of) for of in (("recency", "view"), ("age", "first"))),
    ]
    return f"select event_id as row_id, {', '.join(outputs)} from ({known})"


def _frame(keys: str, suffix: str) -> str:
    window = _WINDOWS[suffix]
    order = f"partition by {keys} order by occurred_at"
    if window is None:
        return f"{order} rows between unbounded preceding and 1 preceding"
    length, hop = window
    back = f"occurred_at - (occurred_at - {length}) // {hop} * {hop}"
    return f"{order} range between {back} preceding and 1 preceding"


def _sums(suffix: str) -> str:
    counted = (("views", "product_view"), ("carts", "add_to_cart"), ("purchases", "purchase"))
    found = [f"count(*) over w{suffix} as events{suffix}"]
    found += [f"count(*) filter (kind = '{kind}') over w{suffix} as {name}{suffix}" for name, kind in counted]
    for name, kind, function in (
        ("spent", "purchase", "sum"),
        ("viewed", "product_view", "sum"),
        ("cheapest", "product_view", "min"),
        ("dearest", "product_view", "max"),
    ):
        found.append(f"{function}(price_minor) filter (kind = '{kind}') over w{suffix} as {name}{suffix}")
    return ", ".join(found)


def _outputs(name: str, windows: tuple[str, ...]) -> list[str]:
    found = []
    for suffix in windows:
        for one in ("events", "views", "carts", "purchases", "spent"):
            value = f"case when is_known then coalesce({one}{suffix}, 0) else 0 end::bigint"
            found.append(f"{value} as {name}__{one}{suffix}")
        for one, above in (("price", "viewed"), ("cart_rate", "carts"), ("purchase_rate", "purchases")):
            value = f"{above}{suffix}::double / nullif(views{suffix}, 0)::double"
            found.append(f"case when is_known then {value} end as {name}__{one}{suffix}")
        for one in ("cheapest", "dearest"):
            found.append(f"case when is_known then {one}{suffix} end as {name}__{one}{suffix}")
    return found


def _since(name: str, feature: str, moment: str) -> str:
    value = f"(occurred_at - {moment}_at) // {MICROS}"
    return f"case when is_known then {value} end as {name}__{feature}"
