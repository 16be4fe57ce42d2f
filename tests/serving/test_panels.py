"""The panels as JSON, and the page that draws them, with real Postgres behind."""

import time
from contextlib import closing
from dataclasses import replace
from urllib.parse import parse_qs, urlsplit

import httpx
import psycopg2
import pytest
from playwright.sync_api import expect

from pipelines.connectors.postgres import connect
from pipelines.contracts.panels import all_panels
from tests.dashboards.conftest import passwords, prepared, role, shop  # noqa: F401 - fixtures
from tests.relay import relay_to
from tests.serving.test_browser import HOSTILE, LOW_CONTRAST
from tests.serving.watched import Watched

pytestmark = pytest.mark.services
BOARDS = sorted({panel.board for panel in all_panels().values()})


@pytest.fixture
def door(web, shop, role) -> str:  # noqa: F811
    """The application whose panels are read as they are meant to be."""
    return web(postgres=shop, dashboards=role("dashboard"))


def asked(url: str, **choice):
    return httpx.get(f"{url}/v1/panels", params=choice, timeout=15)


def test_a_board_has_its_panels_under_the_usual_choice(door):
    answer = asked(door, board="attribution")
    assert (answer.status_code, answer.headers["cache-control"]) == (200, "no-store")
    said = answer.json()
    assert (said["boards"], said["models"]) == (BOARDS, {"first": [600], "linear": [600]})
    assert (said["chosen"]["model"], said["chosen"]["look_back"], said["chosen"]["step"]) == (
        "first",
        600,
        60,
    )
    wanted = [name for name, panel in all_panels().items() if panel.board == "attribution"]
    assert [panel["name"] for panel in said["panels"]] == wanted
    assert {panel["problem"] for panel in said["panels"]} == {None}
    assert all("sql" not in panel for panel in said["panels"])


def test_the_chosen_model_and_time_count(door):
    def credited(**choice) -> float:
        panels = {panel["name"]: panel for panel in asked(door, **choice).json()["panels"]}
        return sum(row[2] for row in panels["purchases_by_source"]["rows"] if row[1] == "email")

    assert credited(model="first", minutes=60) == 1
    assert credited(model="linear", minutes=60) == 2
    assert credited(model="first", minutes=1) == 0


@pytest.mark.parametrize(
    ("choice", "field"),
    [
        ({"board": "nobody's"}, "board"),
        ({"model": "shapley"}, "model"),
        ({"model": "'; drop"}, "model"),
        ({"look_back": "601"}, "look_back"),
        ({"look_back": "-1"}, "look_back"),
        ({"minutes": "0"}, "minutes"),
        ({"minutes": "1e3"}, "minutes"),
        ({"minutes": "99999"}, "minutes"),
        ({"sql": "select 1"}, "sql"),
    ],
)
def test_what_is_not_offered_is_refused_by_field(door, choice, field):
    answer = asked(door, **choice)
    assert answer.status_code == 422
    assert (answer.json()["error"], answer.json()["field"]) == ("bad_choice", field)


def test_the_last_figures_stay_while_postgres_is_away(web, shop, role):  # noqa: F811
    reader = role("dashboard")
    with relay_to(reader.host, reader.port) as relay:
        relay.open()
        url = web(postgres=shop, dashboards=replace(reader, host="127.0.0.1", port=relay.port))
        before = asked(url, minutes=60).json()
        relay.cut()
        answer = _until(url, 503, minutes=60)
        assert answer.headers["retry-after"] == "5"
        assert answer.json()["last"]["chosen"]["until"] >= before["chosen"]["until"]
        assert len(answer.json()["last"]["panels"]) == len(before["panels"])
        assert asked(url, minutes=15).json()["last"] is None
        relay.open()
        assert _until(url, 200, minutes=60).json()["panels"]


def test_without_its_role_the_database_is_not_asked_as_somebody_else(web, shop, role):  # noqa: F811
    url = web(postgres=shop, dashboards=replace(role("dashboard"), password="wrong"))
    assert asked(url).status_code == 503
    with pytest.raises(psycopg2.OperationalError, match="authentication failed"):
        psycopg2.connect(
            host=shop.host, port=shop.port, dbname=shop.database, user="clicklake_dashboard", password="x"
        )


def _until(url: str, status: int, **choice) -> httpx.Response:
    deadline = time.monotonic() + 15
    while (answer := asked(url, **choice)).status_code != status:
        assert time.monotonic() < deadline, answer.status_code
        time.sleep(0.2)
    return answer


@pytest.mark.browser
class TestPage:
    def test_draws_every_board_and_follows_the_choice(self, door, watched):
        page = watched.page
        page.goto(f"{door}/")
        page.get_by_role("link", name="Dashboards").click()
        expect(page.locator("#status-text")).to_have_text("Live")
        purchases = page.locator("[data-panel=purchases_by_source]")
        expect(purchases.locator(".legend li", has_text="email")).to_have_text("email 1.00")
        page.locator("#model").select_option("linear")
        expect(purchases.locator(".legend li", has_text="email")).to_have_text("email 2.00")
        for board in BOARDS:
            page.locator(f"#boards button[data-board={board}]").click()
            wanted = [name for name, panel in all_panels().items() if panel.board == board]
            for name in wanted:
                expect(page.locator(f"[data-panel={name}] .content > *").first).to_be_visible()
            expect(page.locator("#panels .panel")).to_have_count(len(wanted))
            assert page.locator(".panel .empty").all_inner_texts() == []
        assert parse_qs(urlsplit(page.url).query) == {"board": [BOARDS[-1]], "model": ["linear"]}
        assert {request.startswith(door) for request in watched.requests} == {True}
        assert watched.complaints == []

    @pytest.mark.parametrize("scheme", ["dark", "light"])
    def test_fits_a_phone(self, door, browser, scheme):
        phone = Watched(browser, width=390, scheme=scheme)
        with closing(phone.page.context):
            for board in BOARDS:
                phone.page.goto(f"{door}/dashboards?board={board}")
                expect(phone.page.locator(".panel .content > *").first).to_be_visible()
                assert phone.page.evaluate("document.documentElement.scrollWidth") == 390
                assert phone.page.evaluate(LOW_CONTRAST) == []

    def test_what_others_named_is_text(self, door, shop, watched):  # noqa: F811
        with connect(shop) as connection, connection, connection.cursor() as cursor:
            cursor.execute(
                "insert into gold.fail_count values (date_trunc('minute', now()), %s, 3)", (HOSTILE,)
            )
            cursor.execute(
                "insert into gold.category_count values (date_trunc('minute', now()), %s, 3, 3)", (HOSTILE,)
            )
        watched.page.goto(f"{door}/dashboards")
        expect(watched.page.locator("[data-panel=orders_by_category]")).to_contain_text("<img src=x onerror")
        expect(watched.page.locator("[data-panel=failures_by_reason]")).to_contain_text("\\u{202e}gnp")
        assert watched.page.evaluate("window.taken") is None
        assert watched.page.locator("img").count() == 1, "the page's own"

    def test_an_old_link_to_a_model_that_is_gone_shows_the_usual_one(self, door, watched):
        watched.page.goto(f"{door}/dashboards?model=shapley")
        expect(watched.page.locator("#model")).to_have_value("first")
        expect(watched.page.locator("#status-text")).to_have_text("Live")

    def test_says_how_old_figures_are_while_postgres_is_away(self, web, shop, role, watched):  # noqa: F811
        reader = role("dashboard")
        with relay_to(reader.host, reader.port) as relay:
            relay.open()
            watched.page.goto(
                web(dashboards=replace(reader, host="127.0.0.1", port=relay.port)) + "/dashboards"
            )
            expect(watched.page.locator("#status-text")).to_have_text("Live")
            relay.cut()
            expect(watched.page.locator("#status-text")).to_contain_text("Postgres does not answer")
            expect(watched.page.locator("#status-text")).to_contain_text("figures are")
            expect(watched.page.locator("[data-panel=order_figures]")).to_contain_text("paid orders")
            relay.open()
            expect(watched.page.locator("#status-text")).to_have_text("Live")
