"""What the live page is told: from real Postgres, with it away, and before anything was written."""

import json
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import httpx
import pytest

from pipelines.runtime.watching.metrics import BatchReport, DeadLetterExample, MetricsWriter, QueryState
from serving.server import listen, url_of
from tests.relay import relay_to


def updates(url: str) -> Iterator[tuple[str, object]]:
    """(event, data) as they come."""
    with httpx.stream("GET", f"{url}/v1/live", timeout=10) as response:
        assert response.headers["content-type"].startswith("text/event-stream")
        name = ""
        for line in response.iter_lines():
            if line.startswith("event: "):
                name = line.removeprefix("event: ")
            elif line.startswith("data: "):
                yield name, json.loads(line.removeprefix("data: "))


def first(url: str, wanted: str, where=lambda _data: True, *, seconds: float = 15) -> object:
    deadline = time.monotonic() + seconds
    for name, data in updates(url):
        if name == wanted and where(data):
            return data
        assert time.monotonic() < deadline, f"no {wanted} like that"
    raise AssertionError("the stream ended")


def report(batch_id: int, **changes) -> BatchReport:
    now = datetime.now(UTC)
    example = DeadLetterExample("clicks", 0, batch_id, now, "decode", "invalid_json", None, "x", "{<b>", 4)
    row = {
        "topic": "clicks",
        "partition": 0,
        "offset": batch_id,
        "ingested_at": now,
        "event_id": f"e{batch_id}",
    }
    made = BatchReport(
        "clean_silver",
        batch_id,
        now,
        500,
        rows={"silver.events": 5},
        rejects={"invalid_json": 1},
        ages_ms=[(900, 5)],
        latest=[("silver.events", row)],
        dead_letters=[example],
    )
    return replace(made, **changes)


def test_a_held_port_is_not_taken_from_its_holder():
    with closing(listen(host="127.0.0.1", port=0)) as holder:
        held = holder.getsockname()[1]
        with closing(listen(host="127.0.0.1", port=held)) as other:
            assert other.getsockname()[1] != held
            assert url_of(other) == f"http://127.0.0.1:{other.getsockname()[1]}/"


@pytest.mark.services
class TestLive:
    def test_tells_what_the_streams_reported_and_what_changes(self, web, database):
        url = web(postgres=database)
        with closing(MetricsWriter(database)) as writer:
            writer.record(report(1))
            assert writer.flush()
            pulse = first(url, "pulse", lambda data: data.get("totals"))
            assert pulse["totals"] == {"silver.events": 5}
            assert pulse["rejects"] == {"invalid_json": 1}
            assert pulse["freshness"]["silver"]["count"] == 5
            assert 900 <= pulse["freshness"]["silver"]["p50_ms"] <= 936
            assert pulse["freshness"]["bronze"]["p50_ms"] is None
            assert len(pulse["rate"]["per_second"]) == 180
            assert pulse["services"][0]["name"] == "Kafka"
            (letter,) = first(url, "dead_letters")
            assert (letter["reason"], letter["count"]) == ("invalid_json", 1)
            assert letter["examples"][0]["value"] == "{<b>"
            writer.record(report(2))
            table = first(url, "table", lambda data: len(data["rows"]) == 2)
            assert [row["event_id"] for row in table["rows"]] == ["e2", "e1"]
            first(url, "pulse", lambda data: data["totals"] == {"silver.events": 10})

    def test_tells_how_each_query_stands(self, web, database):
        now = datetime.now(UTC)
        url = web(postgres=database)
        with closing(MetricsWriter(database)) as writer:
            writer.record(report(1))
            told = QueryState("clean_silver", "waiting", now, now, last_error="<b>", lag_records=7)
            writer.state(told)
            assert writer.flush()
            (query,) = first(url, "pulse", lambda data: data.get("queries"))["queries"]
            assert (query["state"], query["last_error"], query["lag_records"]) == ("waiting", "<b>", 7)
            assert (query["batch_p50_ms"], query["batch_id"], query["rows_last_minute"]) == (500, 1, 5)
            assert datetime.fromisoformat(query["since"]) == now
            writer.state(replace(told, state="running", seen_at=now + timedelta(seconds=1)))
            first(url, "pulse", lambda data: data["queries"][0]["state"] == "running")

    def test_parts_that_did_not_change_are_not_sent_again(self, web, database):
        url = web(postgres=database)
        with closing(MetricsWriter(database)) as writer:
            writer.record(report(1))
            assert writer.flush()
        names = []
        for name, _data in updates(url):
            names.append(name)
            if names.count("pulse") == 6:
                break
        assert names.count("dead_letters") == 1
        assert names.count("table") == 1

    def test_before_any_stream_there_are_no_figures_and_no_error(self, web, database):
        pulse = first(web(postgres=database), "pulse", lambda data: data["read_at"] is not None)
        assert "rate" not in pulse

    def test_postgres_away_keeps_the_last_figures_and_says_how_old(self, web, database):
        with relay_to(database.host, database.port) as relay, closing(MetricsWriter(database)) as writer:
            writer.record(report(1))
            assert writer.flush()
            url = web(postgres=replace(database, host="127.0.0.1", port=relay.port))
            assert first(url, "pulse")["read_at"] is None
            relay.open()
            good = first(url, "pulse", lambda data: data["read_at"] is not None)
            relay.cut()
            stale = first(url, "pulse", lambda data: _age(data) > 2)
            assert stale["totals"] == good["totals"] == {"silver.events": 5}
            relay.open()
            assert first(url, "pulse", lambda data: _age(data) < 1)

    def test_many_viewers_share_one_reader(self, web, database):
        url = web(postgres=database)
        with closing(MetricsWriter(database)) as writer:
            writer.record(report(1))
            assert writer.flush()
            seen: list[object] = []
            viewers = [
                threading.Thread(
                    target=lambda: seen.append(first(url, "pulse", lambda data: data.get("totals")))
                )
                for _ in range(20)
            ]
            for viewer in viewers:
                viewer.start()
            for viewer in viewers:
                viewer.join()
        assert len(seen) == 20

    def test_the_page_allows_nothing_from_elsewhere(self, web):
        url = web()
        page = httpx.get(f"{url}/")
        assert page.headers["content-type"] == "text/html; charset=utf-8"
        policy = page.headers["content-security-policy"]
        assert policy.startswith("default-src 'none'; script-src 'self'; style-src 'self'")
        assert "unsafe" not in policy
        for path, kind in (
            ("page.js", "text/javascript"),
            ("queries.js", "text/javascript"),
            ("page.css", "text/css"),
            ("icon.svg", "image/svg+xml"),
        ):
            assert httpx.get(f"{url}/static/{path}").headers["content-type"].startswith(kind)
        assert httpx.get(f"{url}/static/../api.py").status_code == 404


def _age(pulse) -> float:
    if pulse["read_at"] is None:
        return float("inf")
    now, then = (datetime.fromisoformat(pulse[name]) for name in ("now", "read_at"))
    return (now - then).total_seconds()
