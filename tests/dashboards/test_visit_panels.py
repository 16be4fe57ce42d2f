"""The panels of visits: what they say of a few sessions written by hand."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from pipelines.connectors.panel_reader import Parameters, read_panels
from pipelines.connectors.postgres import connect
from pipelines.contracts.panels import all_panels

pytestmark = pytest.mark.services


@pytest.fixture
def asked(shop, role):
    """Asks a panel, as the dashboards' role, of the last hour or of one long ago."""

    def ask(name, *, until=None):
        moment = until or datetime.now(UTC)
        chosen = Parameters.last(timedelta(hours=1), until=moment, model="first", look_back=600)
        with connect(role("dashboard")) as connection:
            (answer,) = read_panels(connection, [all_panels()[name]], chosen)
        return answer.rows

    return ask


def test_sessions_of_a_day_are_those_of_people_by_source(asked):
    midnight = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    assert asked("sessions_per_day") == [(midnight, "google", 8), (midnight, "mail", 3)]
    assert asked("sessions_per_day", until=midnight - timedelta(seconds=1)) == []


def test_the_funnel_adds_up_its_steps_in_their_order(asked):
    steps = [("sessions", 15), ("viewed", 12), ("carted", 8), ("checked out", 6), ("ordered", 4)]
    assert asked("funnel") == steps


def test_the_most_frequent_path_comes_first(asked):
    assert asked("top_paths") == [
        ("home > category > product", 8, 2, Decimal("0.25")),
        ("product", 3, 0, Decimal(0)),
    ]


def test_cohorts_are_followed_from_the_newest(asked):
    assert asked("cohort_retention") == [
        ("2026-03-09", 5, 0, Decimal(1), Decimal(0)),
        ("2026-03-02", 10, 0, Decimal(1), Decimal("0.2")),
        ("2026-03-02", 10, 1, Decimal("0.4"), Decimal("0.1")),
    ]


def test_hit_rates_stand_beside_those_of_the_most_popular(asked):
    assert [row[1:] for row in asked("related_hit_rate")] == [
        ("alternatives by cosine", 0.3),
        ("alternatives by cosine: the most popular", 0.02),
    ]
