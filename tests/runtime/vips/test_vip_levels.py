"""Who is a VIP now, from versions in a real silver table."""

import threading
from datetime import UTC, datetime, timedelta

import pytest
from deltalake import DeltaTable

from pipelines.connectors.names import VIP_USERS
from pipelines.runtime.vips.levels import Levels
from tests.runtime.vips.users import write_users


@pytest.fixture
def levels(names):
    return Levels(None, names, ["GOLD", "PLATINUM"])


def vips(names) -> dict[str, str]:
    rows = DeltaTable(names.table(VIP_USERS)).to_pyarrow_table().to_pylist()
    assert all(row["name"] == row["user_id"].upper() for row in rows)
    return {row["user_id"]: row["level"] for row in rows}


def test_nobody_is_a_vip_without_users(levels, names):
    assert levels.refresh()
    assert vips(names) == {}


def test_the_newest_version_that_holds_counts(levels, names):
    tomorrow = datetime.now(UTC) + timedelta(days=1)
    write_users(names, {"u1": "PLATINUM", "u2": "GOLD", "u3": "SILVER", "u4": "GOLD"})
    write_users(names, {"u3": "PLATINUM", "u1": "BRONZE"}, valid_from=tomorrow)
    assert levels.refresh()
    assert vips(names) == {"u1": "PLATINUM", "u2": "GOLD", "u4": "GOLD"}
    write_users(names, {"u2": "BRONZE", "u3": "GOLD", "u4": None})
    assert levels.refresh()
    assert vips(names) == {"u1": "PLATINUM", "u3": "GOLD"}


def test_what_changes_no_vip_writes_nothing(levels, names):
    write_users(names, {"u1": "PLATINUM"})
    assert levels.refresh()
    assert not levels.refresh()
    write_users(names, {"u2": "BRONZE"})
    assert not levels.refresh()
    assert DeltaTable(names.table(VIP_USERS)).version() == 0


def test_a_failing_look_is_followed_by_another(levels, names, monkeypatch):
    stop, calls = threading.Event(), []

    def look() -> None:
        calls.append(1)
        if len(calls) == 3:
            stop.set()
        raise OSError("away")

    monkeypatch.setattr(levels, "refresh", look)
    levels.keep(stop, every_seconds=0.01)
    assert len(calls) == 3
