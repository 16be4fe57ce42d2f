"""Whole drivers killed between two durable steps: the next one goes on, and nobody sees that it happened."""

import signal
import subprocess
import sys

import pytest

from pipelines.connectors.lake_reader import LakeReader
from pipelines.connectors.names import CLEAN_SILVER, LAND_BRONZE, Names
from pipelines.runtime.failpoints import fired
from pipelines.settings import load_settings
from tests.runtime.crash_runs import CrashLake, bindings, bound_topic, feed

pytestmark = [pytest.mark.spark, pytest.mark.services]

AFTER_BRONZE = f"{LAND_BRONZE}.after_append:bronze.records@1=kill"
AFTER_EVENTS = f"{CLEAN_SILVER}.after_append:silver.events@1=kill"
_SECONDS = 120


def test_drivers_killed_at_bad_moments_leave_no_trace(spark, stack, stack_settings, tmp_path):
    """Three processes in turn: two that are killed, and this one, which ends what they have begun."""
    topic = bound_topic(stack.kafka)
    visitor = feed(stack.kafka, topic)
    options = [f"var_dir={stack_settings.var_dir}", f"lake={tmp_path / 'lake'}", bindings(topic)]
    settings = load_settings(overrides=options)
    names = Names.of(var_dir=settings.var_dir, lake=settings.lake)
    before = len(fired(names.failpoint_ledger))
    options.append(f"failpoints=[{AFTER_BRONZE}, {AFTER_EVENTS}]")

    def drive():
        words = [word for option in options for word in ("--set", option)]
        command = [sys.executable, "-m", "jobs.cli", *words, "run", "stream_lake", "--available-now"]
        done = subprocess.run(command, capture_output=True, text=True, timeout=_SECONDS, check=False)
        assert done.returncode == -signal.SIGKILL, done.stderr[-2000:]
        return fired(names.failpoint_ledger)[before:]

    assert drive() == [AFTER_BRONZE]
    landed = _count(names, "bronze.records", visitor)
    assert landed > 10
    assert drive() == [AFTER_BRONZE, AFTER_EVENTS]
    assert _count(names, "silver.identities", visitor) == 0
    lake = CrashLake(spark, names, stack.kafka, topic)
    lake.run()

    lake.assert_sound()
    assert _count(names, "bronze.records", visitor) == landed
    assert _count(names, "silver.identities", visitor) > 0


def _count(names, table, visitor):
    column = "key" if table == "bronze.records" else "visitor_id"
    question = f"select count(*) as n from {table} where {column}::varchar = ?"
    return LakeReader(names).rows(question, [visitor])[0]["n"]
