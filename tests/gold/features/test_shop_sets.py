"""The sets of a shop on real records: each says something, and what it says is what the source says."""

import csv
from random import Random
from typing import Any

import duckdb
import pytest

from pipelines.connectors.mapping import load_mapping
from pipelines.gold.features.scalar import key_of, merged, state_of, values
from pipelines.gold.features.sets import all_sets
from pipelines.settings import conf_dir
from tests.connectors.test_mapping_shipped import DATA
from tests.gold.features.feature_events import Rows, mapped_events, shop_events
from tests.gold.features.test_golden_values import DAY, EVENTS, LATER, SECOND, event, values_before

FLAGS = [one.name for one in all_sets()["twin"].features[:23]]
SHOP_HAS_NONE = {
    "product": set(),
    "session": set(),
    "session_product": set(),
    "traffic": {"visits_social", "visits_display", "visits_affiliate", "visits_ai"},
    "twin": set(),
    "user": {"refunds"},
    "user_product": set(),
    "visit_steps": {"from_social", "from_display", "from_affiliate", "from_ai"},
}
"""What the simulated visits never do."""


def values_of(name: str, rows: Rows) -> dict[tuple[str, ...], dict[str, Any]]:
    """The values of every entity a second after the last event."""
    feature_set, entities = all_sets()[name], {}
    for row in rows:
        if (key := key_of(feature_set, row)) is not None:
            entities.setdefault(key, []).append(state_of(feature_set, row))
    at = max(row["occurred_at"] for row in rows) + SECOND
    return {key: values(feature_set, merged(feature_set, states), at=at) for key, states in entities.items()}


@pytest.mark.parametrize("name", SHOP_HAS_NONE)
def test_no_feature_is_always_the_same(name):
    """One filter on a word that never comes, and a feature is 0 for everybody."""
    found = list(values_of(name, shop_events()).values())
    same = {one for one in found[0] if len({row[one] for row in found}) == 1}
    assert same == SHOP_HAS_NONE[name]


def test_a_twin_has_the_flags_that_the_source_has(tmp_path):
    """Forty users with flags drawn at random, through the mapping and back."""
    random, path = Random(1), tmp_path / "propensity.csv"
    users = [{flag: random.randint(0, 1) for flag in FLAGS} for _ in range(40)]
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, ["UserID", *FLAGS, "ordered"])
        writer.writeheader()
        writer.writerows({"UserID": f"u{n}", **flags, "ordered": n % 2} for n, flags in enumerate(users))
    found = values_of("twin", mapped_events("propensity", path))
    for number, flags in enumerate(users):
        assert {flag: int(found[f"u{number}",][flag]) for flag in FLAGS} == flags


def test_the_flags_are_the_columns_of_the_mapping():
    mapping = load_mapping("propensity", folder=conf_dir() / "mappings")
    assert set(FLAGS) == {column.name for column in mapping.columns} - {"user_id", "ordered"}


SAID_OTHERWISE = {
    "sign_in": {"kind": "sign_in"},
    "saw_checkout": {"page_type": "checkout"},
    "saw_delivery": {"page_type": "delivery"},
    "saw_sizecharts": {"page_type": "sizecharts"},
    "saw_homepage": {"page_type": "home"},
    "device_mobile": {"device_class": "mobile"},
    "device_computer": {"device_class": "desktop"},
    "device_tablet": {"device_class": "tablet"},
    "returning_user": {"properties": '{"returning":true}'},
    "loc_uk": {"country": "GB"},
}


@pytest.mark.parametrize("flag", SAID_OTHERWISE)
def test_a_flag_is_the_same_feature_where_a_shop_says_it_otherwise(flag):
    said = event(1, "page_view", 0, "p", 0) | SAID_OTHERWISE[flag]
    by_name = event(1, "page_view", 0, "p", 0, element=flag)
    assert values_before(LATER, "twin", [said]) == values_before(LATER, "twin", [by_name])
    assert [one for one, is_set in values_before(LATER, "twin", [said]).items() if is_set] == [flag]


def test_counts_of_sessions_are_those_of_the_csv():
    """The excerpt of REES46, counted by DuckDB from the file itself."""
    path = DATA / "rees46_excerpt.csv.gz"
    counted = duckdb.execute(
        "select user_id::varchar, user_session, count(*), count(*) filter (event_type = 'view'), "
        "count(*) filter (event_type = 'cart'), count(*) filter (event_type = 'purchase'), "
        "count(distinct product_id), coalesce(sum(round(price * 100)) filter (event_type = 'purchase'), 0) "
        f"from (select distinct * from '{path}') group by all"
    ).fetchall()
    names = ("events", "views", "carts", "purchases", "products", "purchase_price_sum")
    found = values_of("session", mapped_events("rees46", path))
    by_session = {(user, session): rest for user, session, *rest in counted}
    assert {key: [row[name] for name in names] for key, row in found.items()} == by_session


@pytest.mark.parametrize("name", ["session", "session_product", "twin"])
def test_a_visit_is_over_a_day_after_its_purchase(name):
    """A day after the last event, to the microsecond, it is still known; then no more."""
    feature_set = all_sets()[name]
    mine = [one for one in EVENTS if key_of(feature_set, one) == key_of(feature_set, LATER)]
    last = max(one["occurred_at"] for one in mine)
    known = "events" if name != "twin" else "viewed_product"
    still = event(9, "search", 0, "p", 0, occurred_at=last + DAY)
    over = event(9, "search", 0, "p", 0, occurred_at=last + DAY + 1)
    assert values_before(still, name, EVENTS)[known]
    assert not values_before(over, name, EVENTS)[known]
    assert values_before(over, "user", EVENTS)["purchases"] == 1
    unpaid = [one for one in EVENTS if one["kind"] != "purchase"]
    assert values_before(over, name, unpaid)[known]


def test_where_visits_come_from():
    """Two visits with a source, and a click in between that says nothing."""
    rows = [
        event(
            1,
            "page_view",
            0,
            "p",
            0,
            traffic_source="google",
            traffic_medium="cpc",
            traffic_campaign="spring",
        ),
        event(2, "product_view", 10, "p", 0),
        event(3, "page_view", 20, "p", 0, session_id="t", traffic_source="news", traffic_medium="email"),
    ]
    found = values_before(LATER, "traffic", rows)
    assert {name: value for name, value in found.items() if value} == {
        "first_source": "google", "first_medium": "cpc", "first_campaign": "spring",
        "last_source": "news", "last_medium": "email", "last_campaign": "spring",
        "sources": 2, "campaigns": 1, "visits": 2, "visits_cpc": 1, "visits_email": 1,
    }  # fmt: skip
