"""The simulator's shop: first clicks by plain Python are the true ones, and what differs is told."""

import msgspec
import pytest

from pipelines.errors import SettingsError
from pipelines.gold.attribution.oracle import AttributionOracle
from pipelines.runtime.attribution.arrivals import Arrived, late_orders
from pipelines.runtime.attribution.truth_check import compare_with_truth
from pipelines.simulator import OrderTruth
from tests.simulator.runs import START, parse, run_shop

LOOK_BACK = 600
LATE = 600


@pytest.fixture(scope="module")
def shop(tmp_path_factory):
    """The rows of a run in the order of their arrival, and the file of its truth."""
    run = run_shop(rate=60, horizon_seconds=1200, late_share=0.05, duplicate_share=0.02, broken_share=0.02)
    path = tmp_path_factory.mktemp("truth") / "truth.jsonl"
    path.write_bytes(b"\n".join(msgspec.json.encode(row) for row in run.truth))
    arrived = []
    for offset, delivery in enumerate(run.deliveries):
        rows = parse(delivery)
        if delivery.topic in ("clicks", "orders") and isinstance(rows, list):
            where = {"topic": delivery.topic, "partition": 0, "offset": offset}
            moment = {"ingested_at": START + delivery.send_at, "product_id": None}
            for row in rows:
                traffic = {f"traffic_{name}": row.get(name) for name in ("source", "medium", "campaign")}
                table = "silver.events" if delivery.topic == "clicks" else "silver.orders"
                arrived.append(Arrived(0, table, {**moment, **traffic, **row, **where}))
    return path, arrived, [row for row in run.truth if isinstance(row, OrderTruth)]


@pytest.fixture(scope="module")
def credited(shop):
    oracle = AttributionOracle(look_back_seconds=LOOK_BACK)
    for batch, table, row in shop[1]:
        oracle.take(table, row, batch=batch)
    return oracle.tables()["attributed_orders"]


def compare(shop, credited, **changes):
    path, arrived, _ = shop
    late = late_orders(arrived, look_back_seconds=LOOK_BACK, late_seconds=LATE)
    return compare_with_truth(
        path, credited, arrived, **{"late": late, "look_back_seconds": LOOK_BACK} | changes
    )


def test_every_first_click_is_the_true_one(shop, credited):
    found = compare(shop, credited)
    assert found.holds, found.different
    assert found.orders > 100
    assert found.as_data()["share_equal"] == 1
    paid = {row["order_id"] for row in credited}
    assert found.orders + found.late == len(paid & {row.order_id for row in shop[2]})


def test_a_first_click_that_is_not_the_true_one_is_named(shop, credited):
    order = next(row for row in credited if row["model"] == "first")["order_id"]
    wrong = [{**row, "source": "nobody"} if row["order_id"] == order else row for row in credited]
    found = compare(shop, wrong, late=())
    assert (found.different, found.holds) == ((order,), False)


def test_an_order_whose_clicks_never_came_is_told_apart(shop, credited):
    path, arrived, truth = shop
    paid = {row["order_id"] for row in credited}
    lost = next(row for row in truth if row.order_id in paid and row.touches)
    of_lost = [one for one in arrived if one.row["visitor_id"] != lost.visitor_id]
    complete, found = compare(shop, credited), compare((path, of_lost, truth), credited)
    assert found.holds
    assert found.late > complete.late


def test_a_truth_about_another_look_back_is_refused(shop, credited):
    with pytest.raises(SettingsError, match=r"600 s before an order, attribution.look_back_seconds is 60"):
        compare(shop, [{**row, "look_back_seconds": 60} for row in credited], look_back_seconds=60)


def test_a_file_that_is_no_truth_is_refused(shop, credited, tmp_path):
    path = tmp_path / "truth"
    with pytest.raises(SettingsError, match="no file of the simulator's truth"):
        compare((path, *shop[1:]), credited)
    path.write_text("[]")
    with pytest.raises(SettingsError, match="no file of the simulator's truth"):
        compare((path, *shop[1:]), credited)
