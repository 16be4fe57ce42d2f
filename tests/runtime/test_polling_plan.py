"""Polled tables: what is wrong at the start, which server is asked, and outages."""

import threading
from collections import Counter

import pytest

from pipelines.connectors.postgres import PostgresAddress
from pipelines.contracts.topics import all_topics
from pipelines.errors import ServiceError, SettingsError
from pipelines.runtime.polling.plan import polled_address, polled_tables
from pipelines.runtime.polling.run import _poll_until
from pipelines.runtime.polling.table import PolledTable, PollReport
from pipelines.settings import Secret, load_settings
from pipelines.settings.tree import Poll, PolledPostgres

USERS = all_topics()["users"]


@pytest.mark.parametrize(
    ("polls", "sentence"),
    [
        ([], "polls names no table"),
        ([("clicks", "q")], "`clicks` keeps events.*users"),
        ([("usres", "q")], "`usres` does not exist.*users"),
        ([("users", "q"), ("users", "r")], "`users` has 2 queries.*union all"),
    ],
)
def test_wrong_polls_are_one_sentence(polls, sentence):
    with pytest.raises(SettingsError, match=sentence) as raised:
        polled_tables([Poll(topic=topic, query=query) for topic, query in polls])
    assert raised.value.exit_code == 2


def test_settings_of_polls_have_defaults_and_bounds():
    polls = 'polls=[{topic: users, query: "select 1 as user_id"}]'
    (table,) = polled_tables(load_settings(overrides=[polls], environ={}).polls)
    assert (table.topic, table.every_seconds, table.deletes) == (USERS, 60, True)
    with pytest.raises(SettingsError, match="every_seconds"):
        load_settings(overrides=["polls=[{topic: users, query: q, every_seconds: 0}]"], environ={})
    with pytest.raises(SettingsError, match=r"did you mean `query`"):
        load_settings(overrides=["polls=[{topic: users, qeury: q}]"], environ={})


OWN = PostgresAddress("127.0.0.1", 1, "clicklake", "me", "own")


def polled(**changes) -> PolledPostgres:
    nothing = {"host": None, "port": 5432, "database": None, "user": None, "password": None}
    return PolledPostgres(**nothing | changes)


def test_without_a_host_clicklakes_own_server_is_polled():
    assert polled_address(polled(), lambda: OWN) == OWN
    assert polled_address(polled(database="shop"), lambda: OWN).database == "shop"


def test_a_server_of_ones_own_needs_a_whole_address():
    whole = {"host": "db", "database": "shop", "user": "reader", "password": Secret("s3cret")}
    assert polled_address(polled(**whole), pytest.fail) == PostgresAddress(
        "db", 5432, "shop", "reader", "s3cret"
    )
    for name in ("database", "user", "password"):
        with pytest.raises(SettingsError, match="polled_postgres"):
            polled_address(polled(**whole | {name: None}), pytest.fail)


def test_an_outage_of_one_table_is_waited_for_while_the_others_go_on(monkeypatch):
    monkeypatch.setattr("pipelines.runtime.polling.run._FIRST_PAUSE", 0.05)
    stop, calls, told = threading.Event(), Counter(), Counter()
    tables = [PolledTable(all_topics()[name], "", 0.02, deletes=True) for name in ("users", "products")]

    def poll(table, _stop):
        name = table.topic.name
        calls[name] += 1
        if name == "users" and calls[name] <= 2:
            raise ServiceError("away")
        return PollReport()

    def hear(name, _report):
        told[name] += 1
        if told["users"] == 2:
            stop.set()

    _poll_until(stop, tables, poll, hear)
    assert calls["users"] == 4
    assert told["products"] >= 3


def test_a_table_that_has_been_away_for_a_day_is_polled_once_it_is_back(monkeypatch):
    monkeypatch.setattr("pipelines.runtime.polling.run._FIRST_PAUSE", 0.0)
    stop, calls = threading.Event(), Counter()

    def poll(_table, _stop):
        calls["users"] += 1
        if calls["users"] <= 1_500:
            raise ServiceError("away")
        stop.set()
        return PollReport()

    _poll_until(stop, [PolledTable(USERS, "", 0.02, deletes=True)], poll, lambda *_: None)
    assert calls["users"] == 1_501
