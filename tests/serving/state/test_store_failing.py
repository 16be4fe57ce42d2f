"""A store that hangs, breaks or changes never keeps the loop waiting."""

import threading
import time
from contextlib import closing
from dataclasses import replace

import pytest
from psycopg2.extensions import cursor as Cursor

from pipelines.connectors.postgres import PostgresAddress, open_connection
from pipelines.errors import SettingsError
from serving.state.store import Asked
from tests.gold.features.shop import BEGIN
from tests.relay import relay_to
from tests.serving.state.postgres_store import (
    LIVE,
    ONLY,
    answered,
    keys_of,
    running,
)

pytestmark = pytest.mark.services


def test_a_store_that_hangs_is_not_waited_for_and_comes_back(
    address: PostgresAddress, cursor: Cursor
) -> None:
    asked = [Asked(keys_of("v", None), BEGIN)]
    with running(address, seconds=0.05) as store:
        answered(lambda: store.read(ONLY, asked))
        with closing(open_connection(address, application="tests")) as blocker, blocker.cursor() as locking:
            locking.execute("lock table features.session_v1 in access exclusive mode")
            began = time.monotonic()
            connection = store._ready.connection
            assert store.read(ONLY, asked) is None
            assert 0.04 < time.monotonic() - began < 0.5
            began = time.monotonic()
            assert store.read(ONLY, asked) is None
            assert time.monotonic() - began < 0.03
        assert answered(lambda: store.read(ONLY, asked)).sets
        assert store._ready.connection is connection


def test_a_store_that_stays_away_is_given_up(address: PostgresAddress, cursor: Cursor) -> None:
    asked = [Asked(keys_of("v", None), BEGIN)]
    with running(address, seconds=0.05) as store:
        answered(lambda: store.read(ONLY, asked))
        connection, until = store._ready.connection, time.monotonic() + 8
        with closing(open_connection(address, application="tests")) as blocker, blocker.cursor() as locking:
            locking.execute("lock table features.session_v1 in access exclusive mode")
            while store._ready is not None and store._ready.connection is connection:
                assert store.read(ONLY, asked) is None
                assert time.monotonic() < until
                time.sleep(0.05)
        assert answered(lambda: store.read(ONLY, asked)).sets


def test_a_broken_connection_is_made_anew_beside_the_loop(address: PostgresAddress) -> None:
    asked = [Asked(keys_of("v", None), BEGIN)]
    with relay_to(address.host, address.port) as relay:
        relay.open()
        with running(replace(address, port=relay.port)) as store:
            answered(lambda: store.read(ONLY, asked))
            relay.cut()
            for _ in range(3):
                assert store.read(ONLY, asked) is None
            assert not store.is_ready
            relay.open()
            assert answered(lambda: store.read(ONLY, asked)).sets


def test_sets_come_and_go_while_it_runs(address: PostgresAddress, cursor: Cursor) -> None:
    asked = [Asked(keys_of("v", None), BEGIN)]
    try:
        cursor.execute(LIVE, (None, ["session"]))
        with running(address, look_seconds=0.05) as store:
            reading = answered(lambda: store.read(ONLY, asked))
            assert "session" not in reading.sets
            cursor.execute(LIVE, (2, ["session"]))
            until = time.monotonic() + 10
            while "session" not in answered(lambda: store.read(ONLY, asked)).sets:
                assert time.monotonic() < until
                time.sleep(0.02)
    finally:
        cursor.execute(LIVE, (1, ["session"]))


def test_a_set_that_cannot_be_looked_up_stops_nothing(
    address: PostgresAddress, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A half-written file of a set: the sets that were there are read on, and others once it is mended."""
    asked, broken = [Asked(keys_of("v", None), BEGIN)], threading.Event()

    def fail(cursor: Cursor) -> None:
        broken.set()
        raise SettingsError("feature sets: a file cannot be read.")

    with running(address, look_seconds=0.05) as store:
        answered(lambda: store.read(ONLY, asked))
        with monkeypatch.context() as patched:
            patched.setattr("serving.state.store.live_sets", fail)
            assert broken.wait(10)
            assert store.read(ONLY, asked)
        store._give_up(store._ready, TimeoutError())
        assert answered(lambda: store.read(ONLY, asked)).sets
