"""The section "Queries" of the live page, in a real browser."""

import re
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from playwright.sync_api import Page, expect

from pipelines.runtime.watching.metrics import MetricsWriter, QueryState
from tests.relay import relay_to
from tests.serving.test_browser import HOSTILE, LOW_CONTRAST, batch
from tests.serving.watched import Watched

pytestmark = [pytest.mark.browser, pytest.mark.services]


def state(query: str, what="running", **changes) -> QueryState:
    now = datetime.now(UTC)
    return replace(QueryState(query, what, now - timedelta(seconds=190), now), **changes)


def silver(**changes) -> QueryState:
    watermark = datetime.now(UTC) - timedelta(minutes=61)
    figures = {"lag_records": 12_345, "watermark": watermark, "state_rows": 1_200_000, "restarts": 2}
    return state("clean_silver", **{**figures, **changes})


@pytest.fixture
def streams(database) -> Iterator[MetricsWriter]:
    """Two queries at work, one batch each."""
    with closing(MetricsWriter(database)) as writer:
        writer.record(batch("land_bronze", 1))
        rows = {"silver.events": 1200, "silver.duplicates": 31, "silver.dead_letters": 7}
        writer.record(batch("clean_silver", 1, rows=rows))
        for one in (state("land_bronze"), silver()):
            writer.state(one)
            writer.beat(one.query)
        assert writer.flush()
        yield writer


def query(page: Page, name: str):
    return page.locator(".query", has=page.get_by_role("heading", name=name, exact=True))


def figure(page: Page, name: str, fact: str):
    return query(page, name).locator("div", has=page.get_by_text(fact, exact=True)).locator("dd")


def test_shows_how_each_query_stands_and_follows_it(web, database, streams, watched):
    page = watched.page
    page.goto(web(postgres=database))
    expect(page.locator("#status-text")).to_have_text("Live")
    expect(page.locator(".query h3")).to_have_text(["clean_silver", "land_bronze"])
    expect(query(page, "clean_silver").locator(".standing")).to_have_text("running for 3 min, 2 restarts")
    shown = {
        "lag, records": "12,345",
        "batch p50": "300 ms",
        "batch p95": "300 ms",
        "watermark age": "61 min",
        "state rows": "1.2M",
        "rows a minute": "1,238",
    }
    for fact, value in shown.items():
        expect(figure(page, "clean_silver", fact)).to_have_text(value)
    expect(figure(page, "land_bronze", "lag, records")).to_have_text("\u2013")
    expect(query(page, "clean_silver").locator(".fault")).to_be_hidden()
    expect(page.locator("#duplicates")).to_have_text("31")
    expect(page.locator("#set-aside")).to_have_text("7")
    streams.state(silver(lag_records=8, restarts=3, last_error="Kafka went away"))
    expect(figure(page, "clean_silver", "lag, records")).to_have_text("8")
    expect(query(page, "clean_silver").locator(".standing")).to_contain_text("3 restarts")
    expect(query(page, "clean_silver").locator(".fault")).to_have_text("Last fault: Kafka went away")
    assert watched.complaints == []


def test_a_fault_then_a_failure(web, database, streams, watched):
    page = watched.page
    page.goto(web(postgres=database))
    status = page.locator("#status")
    expect(status).to_have_text("Live")
    now = datetime.now(UTC)
    streams.state(silver(what="waiting", since=now, retry_at=now + timedelta(seconds=60)))
    expect(query(page, "clean_silver").locator(".standing")).to_have_text(
        re.compile(r"^waiting for \d+ s, next start in [45]\d s, 2 restarts$")
    )
    expect(query(page, "clean_silver")).to_have_attribute("data-tone", "warn")
    expect(status).to_have_text("Starting again after a fault: clean_silver")
    streams.state(silver(what="failed", last_error="poison"))
    expect(status).to_have_text("Failed: clean_silver")
    expect(status).to_have_attribute("data-state", "failed")
    expect(query(page, "clean_silver")).to_have_attribute("data-tone", "bad")


def test_a_query_that_hangs_and_one_that_ended_well(web, database, watched):
    old = datetime.now(UTC) - timedelta(seconds=90)
    with closing(MetricsWriter(database)) as writer:
        writer.record(batch("land_bronze", 1, committed_at=old))
        writer.state(state("land_bronze"))
        writer.state(state("clean_silver", "stopped"))
        assert writer.flush()
        page = watched.page
        page.goto(web(postgres=database))
        expect(query(page, "land_bronze").locator(".standing")).to_contain_text(
            "running, but no heartbeat for 9"
        )
        expect(query(page, "land_bronze")).to_have_attribute("data-tone", "bad")
        expect(query(page, "clean_silver").locator(".standing")).to_have_text("stopped for 3 min")
        expect(page.locator("#status-text")).to_contain_text("Streams stopped (bronze): last heard of 9")
        writer.state(state("land_bronze", "stopped"))
        expect(page.locator("#status-text")).to_have_text("Stopped 3 min ago, all batches finished")


class SoonAfter(datetime):
    """A clock that is twelve seconds ahead."""

    @classmethod
    def now(cls, tz=None):
        return datetime.now(tz) + timedelta(seconds=12)


def test_figures_of_the_past_look_like_it(web, database, streams, watched, monkeypatch):
    with relay_to(database.host, database.port) as relay:
        relay.open()
        page = watched.page
        page.goto(web(postgres=replace(database, host="127.0.0.1", port=relay.port)))
        standing = query(page, "clean_silver").locator(".standing")
        expect(standing).to_have_text("running for 3 min, 2 restarts")
        relay.cut()
        expect(page.locator("#status-text")).to_contain_text("Postgres does not answer")
        expect(query(page, "clean_silver")).to_have_css("opacity", "0.45")
        monkeypatch.setattr("serving.console.feed.datetime", SoonAfter)
        older_than_silence = re.compile(r"figures are (1[6-9]|2\d) s old")
        expect(page.locator("#status-text")).to_have_text(older_than_silence)
        expect(standing).to_have_text("running for 3 min, 2 restarts")


def test_a_hostile_error_is_text(web, database, streams, watched):
    streams.state(silver(last_error=HOSTILE))
    page = watched.page
    page.goto(web(postgres=database))
    fault = query(page, "clean_silver").locator(".fault")
    expect(fault).to_contain_text('<img src=x onerror="window.taken=1"><script>')
    expect(fault).to_contain_text("\\u{202e}gnp")
    assert page.evaluate("window.taken") is None
    assert page.locator("img").count() == 1, "the page's own"
    assert watched.complaints == []


@pytest.mark.parametrize("scheme", ["dark", "light"])
def test_fits_a_phone(web, database, streams, browser, scheme):
    streams.state(silver(what="failed", last_error="w" * 400))
    phone = Watched(browser, width=390, scheme=scheme)
    with closing(phone.page.context):
        phone.page.goto(web(postgres=database))
        expect(query(phone.page, "clean_silver").locator(".fault")).to_be_visible()
        assert phone.page.evaluate("document.documentElement.scrollWidth") == 390
        assert phone.page.evaluate(LOW_CONTRAST) == []
