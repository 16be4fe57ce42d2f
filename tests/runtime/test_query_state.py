"""How a query stands by what Spark tells of its last trigger; what cannot be told is none, never zero."""

import json
from datetime import UTC, datetime

import pytest

from pipelines.connectors.names import CLEAN_SILVER, LAND_BRONZE
from pipelines.runtime.streams.gate import Gate
from pipelines.runtime.streams.query_state import lag_of, state_rows_of, watermark_of
from pipelines.runtime.streams.streaming import Progress, RunningStream, StreamSpec
from tests.runtime.stage import Query


def stream(name, *, covered=None, last=None, remembered=None):
    query = Query(name)
    query.lastProgress = last
    fed_by = LAND_BRONZE if name == CLEAN_SILVER else None
    spec = StreamSpec(name, None, (), lambda: None, 1, fed_by=fed_by)
    return RunningStream(query, spec, Gate(), Progress(covered or {}, remembered=remembered))


LATEST = {"clicks": {"0": 10, "1": 7}, "orders": {"0": 3}}
COVERED = {("clicks", 0): 8, ("orders", 0): 3}


@pytest.mark.parametrize("latest", [LATEST, json.dumps(LATEST)])
def test_bronze_lags_behind_the_broker(latest):
    last = {"sources": [{"latestOffset": latest}]}
    assert lag_of(stream(LAND_BRONZE, covered=COVERED, last=last), {}) == 2 + 7


@pytest.mark.parametrize("last", [None, {}, {"sources": [{"latestOffset": None}]}])
def test_the_lag_is_not_known_before_the_broker_has_answered(last):
    assert lag_of(stream(LAND_BRONZE, covered=COVERED, last=last), {}) is None


def test_silver_lags_behind_bronze():
    bronze = stream(LAND_BRONZE, covered={("clicks", 0): 12, ("orders", 0): 3})
    silver = stream(CLEAN_SILVER, covered=COVERED)
    assert lag_of(silver, {LAND_BRONZE: bronze, CLEAN_SILVER: silver}) == 4
    assert lag_of(silver, {CLEAN_SILVER: silver}) is None


def test_watermark():
    at = stream(CLEAN_SILVER, last={"eventTime": {"watermark": "2026-03-01T12:00:00.000Z"}})
    assert watermark_of(at) == datetime(2026, 3, 1, 12, tzinfo=UTC)
    none_yet = {"eventTime": {"watermark": "1970-01-01T00:00:00.000Z"}}
    assert [watermark_of(stream(CLEAN_SILVER, last=one)) for one in (none_yet, {}, None)] == [None] * 3


def test_what_is_remembered_by_spark_or_by_the_query_itself():
    operators = {"stateOperators": [{"numRowsTotal": 4}, {"numRowsTotal": 5}]}
    assert state_rows_of(stream(CLEAN_SILVER, last=operators, remembered=1)) == 9
    assert state_rows_of(stream(CLEAN_SILVER, last={"stateOperators": []}, remembered=7)) == 7
    assert state_rows_of(stream(LAND_BRONZE)) is None
