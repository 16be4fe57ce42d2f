"""Few entities, few moments, many ties: events that make the interpreters disagree if they can."""

from typing import Any

from hypothesis import strategies as st

from pipelines.gold.features.aggregates.distinct import Distinct
from pipelines.gold.features.aggregates.extremes import Max, Min
from pipelines.gold.features.aggregates.moments import First, Last, SinceFirst, SinceLast
from pipelines.gold.features.aggregates.sums import Count, Mean, Seen, Sum
from pipelines.gold.features.aggregates.top import Top
from pipelines.gold.features.event import EVENT
from pipelines.gold.features.feature_set import Entity, Feature, FeatureSet, Ratio, Ttl
from pipelines.gold.features.values import Field, Property, Where, equal, kinds
from pipelines.gold.features.windows import LAST_DAY, LAST_HOUR, LAST_WEEK, LIFETIME

DAY = 86_400_000_000
BEGIN = 20_000 * DAY + 12_345_678
BOTH = (LIFETIME, LAST_HOUR, LAST_DAY, LAST_WEEK)

EVERYTHING = FeatureSet(
    name="everything",
    version=1,
    entity=Entity("visitor", ("visitor_id", "session_id")),
    meaning="every aggregate over every window",
    features=(
        Feature("events", Count(), "events", BOTH),
        Feature("views", Count(kinds("product_view")), "views", BOTH),
        Feature("signed_in", Seen(Where(("sign_in",), ((Field("element"), "b"),))), "signed in", BOTH),
        Feature("spent", Sum("price_minor", kinds("purchase")), "spent", BOTH),
        Feature("price", Mean("price_minor"), "mean price", BOTH),
        Feature("cheapest", Min("price_minor"), "least price", BOTH),
        Feature("dearest", Max("price_minor"), "greatest price", BOTH),
        Feature("first_product", First("price_minor"), "first price", BOTH),
        Feature("last_price", Last("price_minor", kinds("product_view")), "last price", BOTH),
        Feature("products", Distinct("product_id", sample=4), "products", BOTH),
        Feature("favourite", Top("category", sample=3), "category", BOTH),
        Feature("recency", SinceLast(kinds("product_view")), "since the last view", BOTH),
        Feature("age", SinceFirst(), "since the first event", BOTH),
        Feature("odd", Count(equal("element", "b") | equal(Property("gift.pieces"), 3)), "odd ones", BOTH),
        Feature("gifts", Sum(Property("gift.pieces")), "gifts", BOTH),
    ),
    ratios=(
        Ratio("view_share", "views", "events", "views of events"),
        Ratio("price_ratio", "cheapest", "spent", "cheapest of spent"),
    ),
    ttl=Ttl(days=2, days_after_purchase=0.1),
)


def moments() -> st.SearchStrategy[int]:
    """Some moments again and again, over ten days."""
    coarse = st.integers(0, 80).map(lambda n: BEGIN + n * 3 * 3_600_000_000)
    return st.one_of(coarse, coarse.map(lambda at: at + 299_999_999), st.integers(BEGIN, BEGIN + 10 * DAY))


@st.composite
def events(draw: st.DrawFn, *, most: int = 40) -> list[dict[str, Any]]:
    """Feature events in the order of their arrival, which is also in `offset`."""
    count = draw(st.integers(0, most))
    return [_event(draw, number) for number in range(count)]


def _event(draw: st.DrawFn, number: int) -> dict[str, Any]:
    given = {
        "kind": draw(st.sampled_from(["product_view", "purchase", "sign_in"])),
        "event_id": f"{draw(st.sampled_from('aZé😀'))}{number}",
        "occurred_at": draw(moments()),
        "visitor_id": draw(st.sampled_from(["v", "w"])),
        "session_id": draw(st.sampled_from(["s", "s", "t", None])),
        "product_id": draw(st.sampled_from(["p1", "p2", "p3", "p4", "p5", "p6", "p7", None])),
        "category": draw(st.sampled_from(["a", "b", "c", "d", None])),
        "element": draw(st.sampled_from(["b", None])),
        "price_minor": draw(st.one_of(st.none(), st.integers(0, 5), st.just(10**15))),
        "properties": draw(st.sampled_from([None, '{"gift":{"pieces":3}}', '{"gift":true}'])),
        "topic": "clicks",
        "partition": 0,
        "offset": number,
        "ingested_at": number,
        "known_at": number,
    }
    return dict.fromkeys(EVENT.names) | given
