"""A feature that could never say anything is refused when it is written down."""

import pytest

from pipelines.errors import SettingsError
from pipelines.gold.features.aggregates.distinct import Distinct
from pipelines.gold.features.aggregates.moments import Last
from pipelines.gold.features.aggregates.sums import Mean, Sum
from pipelines.gold.features.values import Property, equal, kinds


def test_a_kind_of_event_that_there_is_not():
    """The filter on `carts`, of which there are none, was a feature that was always 0."""
    with pytest.raises(SettingsError, match="no kind of event `purchases`; did you mean `purchase`"):
        kinds("product_view", "purchases")


def test_a_column_that_there_is_not():
    with pytest.raises(SettingsError, match="no column of the events `price_mino`; did you mean"):
        Sum("price_mino")
    with pytest.raises(SettingsError, match="no column of the events `page`"):
        equal("page", "home")


@pytest.mark.parametrize(("value", "wanted"), [("quantity", "2"), ("brand", 2), (Property("gift"), "yes")])
def test_a_value_that_never_is(value, wanted):
    with pytest.raises(SettingsError, match=f"is never {wanted!r}"):
        equal(value, wanted)


@pytest.mark.parametrize(("aggregate", "value"), [(Sum, "brand"), (Mean, "brand"), (Distinct, "quantity")])
def test_a_value_that_the_aggregate_cannot_take(aggregate, value):
    with pytest.raises(SettingsError, match=f"{aggregate.__name__} takes a value of kind"):
        aggregate(value)


def test_the_last_value_is_of_the_kind_of_its_column():
    assert Last("traffic_source").type == "string"
    assert Last("price_minor").type == "int64"


def test_either_of_two_conditions():
    either = equal("element", "sign_in") | kinds("sign_in") | equal(Property("is_known"), 1)
    event = {"kind": "page_view", "element": None, "properties": None}
    assert not either.holds(event)
    assert either.holds(event | {"element": "sign_in"})
    assert either.holds(event | {"kind": "sign_in"})
    assert either.holds(event | {"properties": '{"is_known":true}'})
    assert either.reads == {"kind", "element", "properties"}
