"""The live page in a real browser."""

from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from playwright.sync_api import expect

from pipelines.runtime.watching.metrics import BatchReport, DeadLetterExample, MetricsWriter
from tests.relay import relay_to
from tests.serving.watched import Watched

pytestmark = [pytest.mark.browser, pytest.mark.services]
HOSTILE = '<img src=x onerror="window.taken=1"><script>window.taken=1</script>\u202egnp'


LOW_CONTRAST = """() => {
  const rgb = (c) => c.match(/[\\d.]+/g).map(Number);
  const light = ([r, g, b]) => [r, g, b].map((v) => v / 255)
    .map((v) => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4)
    .reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0);
  const ground = (e) => {
    for (; e; e = e.parentElement) {
      const c = getComputedStyle(e).backgroundColor;
      if (c.startsWith("rgb(")) return rgb(c);
    }
  };
  return [...document.querySelectorAll("body *")]
    .filter((e) => [...e.childNodes].some((n) => n.nodeType === 3 && n.data.trim()) && e.checkVisibility())
    .filter((e) => !(e instanceof SVGElement))
    .map((e) => [e, light(rgb(getComputedStyle(e).color)), light(ground(e))])
    .map(([e, a, b]) => [e.outerHTML.slice(0, 60), (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05)])
    .filter(([, ratio]) => ratio < 4.5);
}"""
"""Texts whose contrast lies below 4.5, the bound of WCAG AA."""


def batch(query: str, number: int, **changes) -> BatchReport:
    at = datetime.now(UTC)
    table = {"land_bronze": "bronze.clicks", "clean_silver": "silver.events"}[query]
    report = BatchReport(query, number, at, 300, rows={table: 1234}, ages_ms=[(800, 617), (820, 617)])
    if query == "clean_silver":
        position = {"topic": "clicks", "partition": 0, "offset": number, "ingested_at": at}
        row = {**position, "event_id": f"event-{number}", "page_url": HOSTILE, "properties": '{"a":1}'}
        letter = DeadLetterExample(
            "clicks", 1, number, at, "decode", "invalid_json", "f" + HOSTILE, HOSTILE, HOSTILE, 99
        )
        report = replace(
            report, rejects={"invalid_json": 7}, latest=[("silver.events", row)], dead_letters=[letter]
        )
    return replace(report, **changes)


@pytest.fixture
def streams(database) -> Iterator[MetricsWriter]:
    """Streams that have reported one batch each."""
    with closing(MetricsWriter(database)) as writer:
        writer.record(batch("land_bronze", 1))
        writer.record(batch("clean_silver", 1))
        assert writer.flush()
        yield writer


def test_shows_the_figures_and_follows_them(web, database, streams, watched):
    page = watched.page
    page.goto(web(postgres=database))
    expect(page.locator("#status-text")).to_have_text("Live")
    expect(page.locator("#bronze-p50")).to_have_text("802 ms")
    expect(page.locator("#landed")).to_have_text("1,234")
    expect(page.locator("#totals tr")).to_have_count(2)
    expect(page.locator("#totals tr", has_text="silver.events")).to_contain_text("1,234")
    expect(page.locator("#letters summary")).to_contain_text("the bytes are not JSON")
    expect(page.locator("#latest tbody tr")).to_have_count(1)
    expect(page.locator("#services")).to_contain_text("Kafka 4.3.1")
    expect(page.get_by_role("link", name="MLflow")).to_have_attribute("href", "http://mlflow.example/")
    streams.record(batch("land_bronze", 2))
    streams.record(batch("clean_silver", 2))
    expect(page.locator("#landed")).to_have_text("2,468")
    expect(page.locator("#letters .count")).to_have_text("14")
    expect(page.locator("#latest tbody tr")).to_have_count(2)
    expect(page.locator("#rate-chart path.area")).to_have_count(1)
    assert watched.complaints == []


def test_hostile_payloads_are_text_and_nothing_leaves_the_origin(web, database, streams, watched):
    url = web(postgres=database)
    page = watched.page
    page.goto(url)
    page.locator("#letters summary").click()
    shown = page.locator("#letters pre")
    expect(shown).to_contain_text('<img src=x onerror="window.taken=1"><script>')
    expect(shown).to_contain_text("\\u{202e}gnp")
    expect(page.locator("#latest td", has_text="<img src=x")).to_have_count(1)
    page.wait_for_timeout(1500)
    assert page.evaluate("window.taken") is None
    assert page.locator("img").count() == 1, "the page's own"
    assert {request.startswith(url) for request in watched.requests} == {True}
    assert watched.complaints == []


def test_the_policy_stops_a_script_that_got_in_anyhow(web, watched):
    watched.page.goto(web())
    watched.page.evaluate(
        "s = document.createElement('script'); s.textContent = 'window.taken=1'; document.body.append(s)"
    )
    assert watched.page.evaluate("window.taken") is None
    assert any("Content Security Policy" in complaint for complaint in watched.complaints)


@pytest.mark.parametrize("scheme", ["dark", "light"])
def test_fits_a_phone(web, database, streams, browser, scheme):
    url = web(postgres=database)
    phone = Watched(browser, width=390, scheme=scheme)
    with closing(phone.page.context):
        phone.page.goto(url)
        expect(phone.page.locator("#latest tbody tr")).to_have_count(1)
        phone.page.locator("#letters summary").click()
        expect(phone.page.locator("#letters pre")).to_be_visible()
        assert phone.page.evaluate("document.documentElement.scrollWidth") == 390
        assert phone.page.evaluate(LOW_CONTRAST) == []


def test_says_when_streams_stop_and_when_they_idle(web, database, watched):
    long_ago = datetime.now(UTC) - timedelta(seconds=90)
    with closing(MetricsWriter(database)) as writer:
        writer.record(batch("land_bronze", 1, committed_at=long_ago))
        assert writer.flush()
        watched.page.goto(web(postgres=database))
        status = watched.page.locator("#status")
        expect(status).to_contain_text("Streams stopped (bronze): last heard of 9")
        expect(status).to_have_attribute("data-state", "stale")
        writer.beat("land_bronze")
        expect(status).to_have_text("Live, nothing arriving")
        writer.record(batch("land_bronze", 2))
        expect(status).to_have_text("Live")


def test_says_when_postgres_is_away_and_recovers(web, database, streams, watched):
    with relay_to(database.host, database.port) as relay:
        relay.open()
        watched.page.goto(web(postgres=replace(database, host="127.0.0.1", port=relay.port)))
        status = watched.page.locator("#status-text")
        expect(status).to_have_text("Live")
        relay.cut()
        expect(status).to_contain_text("Postgres does not answer: figures are")
        expect(watched.page.locator("#landed")).to_have_text("1,234")
        relay.open()
        expect(status).to_contain_text("Live")


def test_says_when_the_server_is_gone_and_comes_back_to_it(web, database, streams, watched):
    url = web(postgres=database)
    port = int(url.rpartition(":")[2])
    with relay_to("127.0.0.1", port) as relay:
        relay.open()
        watched.page.goto(f"http://127.0.0.1:{relay.port}/")
        status = watched.page.locator("#status-text")
        expect(status).to_have_text("Live")
        relay.cut()
        expect(status).to_contain_text("No connection: figures are")
        relay.open()
        expect(status).to_contain_text("Live")
