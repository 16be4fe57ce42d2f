"""The panels of features: what they say of the few visitors of `feature_rows`."""

from datetime import UTC, datetime, timedelta

import pytest

from pipelines.connectors.panel_reader import Parameters, read_panels
from pipelines.connectors.postgres import connect
from pipelines.contracts.panels import all_panels
from pipelines.gold.features.comparing import Tally
from pipelines.gold.features.sets import all_sets
from pipelines.runtime.features.consistency import ConsistencyResult
from pipelines.runtime.features.consistency_log import note_check
from pipelines.runtime.features.sampled_keys import Question
from tests.dashboards.feature_rows import WAITING

pytestmark = pytest.mark.services
LIVE = [name for name in all_sets() if name != WAITING]


@pytest.fixture
def asked(shop, role):
    """Asks a panel as the dashboards' role."""

    def ask(name):
        chosen = Parameters.last(timedelta(hours=1), until=datetime.now(UTC), model="first", look_back=600)
        with connect(role("dashboard")) as connection:
            (answer,) = read_panels(connection, [all_panels()[name]], chosen)
        assert answer.problem is None
        return answer.rows

    return ask


@pytest.fixture
def changed(shop):
    """Runs a statement as the owner."""

    def run(statement):
        with connect(shop) as connection, connection, connection.cursor() as cursor:
            cursor.execute(statement)

    return run


def test_each_set_tells_its_newest_batch_and_event(asked):
    found = {row[0]: row[1:] for row in asked("feature_sets")}
    assert list(found) == sorted(all_sets())
    version, state, batch, event, entities, expired = found["twin"]
    assert (version, state, entities, expired) == ("1", "live", 3, 2)
    assert 0 <= batch < 60 <= event < 120
    assert found["user"][4:] == (3, 1)
    assert found[WAITING] == ("1", "waits for its history", None, None, None, None)
    assert [row[0] for row in asked("feature_freshness")] == [f"{name} v1" for name in LIVE]


def test_known_and_expired_add_up_to_the_rows(asked):
    bars = {(label, series): value for label, series, value in asked("feature_entities")}
    assert {label for label, _ in bars} == {f"{name} v1" for name in LIVE}
    assert (bars["twin v1", "known"], bars["twin v1", "expired"]) == (1, 2)
    assert (bars["product v1", "known"], bars["product v1", "expired"]) == (1, 0)


def test_twins_come_newest_first_with_the_flags_that_are_up(asked):
    rows = [(visitor, lines, flags) for visitor, _, lines, flags in asked("twins_live")]
    assert rows == [
        ("v", 0, "saw_checkout, viewed_cart, viewed_product"),
        ("w", 1, "expired"),
        ("gone", 0, "expired"),
    ]


def test_a_set_whose_tables_are_gone_spoils_nothing(asked, changed):
    changed("drop table features.twin_v1")
    assert asked("twins_live") == []
    found = {row[0]: row[1:] for row in asked("feature_sets")}
    assert found["twin"][4:] == (None, None)
    assert found["user"][4:] == (3, 1)


def test_of_a_large_table_a_sample_is_counted(asked, changed, shop):
    changed(
        "insert into features.session_v1 (visitor_id, session_id, _last, _purchases, batch_id) "
        "select 'many', repeat('s', 400) || number, 0, 0, 7 from generate_series(1, 90000) as number"
    )
    with connect(shop) as connection, connection.cursor() as cursor:
        cursor.execute(
            "select is_estimate, entities, expired from dashboard.feature_sets where name = 'session'"
        )
        is_estimate, entities, expired = cursor.fetchone()
    assert is_estimate
    assert 60_000 < expired <= entities < 130_000


def test_the_newest_proof_is_told_set_by_set(asked, shop):
    user, twin = all_sets()["user"], all_sets()["twin"]
    fine = {"events": Tally(reads=3, late=1), "views": Tally(reads=3)}
    note_check(shop, ConsistencyResult({Question(user, False): {"events": Tally(reads=9, extra=9)}}, 9, 0))
    tallies = {
        Question(user, False): fine,
        Question(user, True): fine,
        Question(twin, False): {"sort_by": Tally(reads=2, missing=1, mismatch=1)},
    }
    note_check(shop, ConsistencyResult(tallies, 8, 0))
    found = {row[0]: (*row[2:4], round(row[4], 6)) for row in asked("consistency")}
    assert found == {"user": (6, 0, 0.166667), "user, by user": (6, 0, 0.166667), "twin": (2, 2, 0.0)}
    faults = [(series, value) for _, series, value in asked("consistency_faults")]
    assert faults[-6:] == [
        *(("extra", 9), ("mismatch", 0), ("missing", 0)),
        *(("extra", 0), ("mismatch", 1), ("missing", 1)),
    ]
