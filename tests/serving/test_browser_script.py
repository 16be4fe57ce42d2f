"""The shop's script in a real browser, on a page of another origin."""

import functools
import threading
from collections.abc import Iterator
from contextlib import closing
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

import pytest

from tests.serving.topic_tail import TopicTail

pytestmark = [pytest.mark.browser, pytest.mark.services]


@pytest.fixture
def shop(tmp_path) -> Iterator[str]:
    """A shop's pages, on an origin of their own."""
    handler = functools.partial(_Silent, directory=str(tmp_path))
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


class _Silent(SimpleHTTPRequestHandler):
    def log_message(self, *_arguments) -> None:
        """Say nothing."""


def shop_page(folder, door: str, body: str = "") -> None:
    script = f'<script async src="{door}/v1/clicklake.js" data-page-type="product"></script>'
    (folder / "index.html").write_text(f"<!doctype html><title>Shop</title>{script}{body}")


def test_the_shop_script_sends_views_clicks_and_what_is_left_at_the_end(web, stack, shop, tmp_path, watched):
    door = web()
    shop_page(tmp_path, door)
    page = watched.page
    with closing(TopicTail(stack.kafka)) as tail:
        page.goto(f"{shop}/index.html?p=1")
        page.wait_for_function("window.clicklake")
        (view,) = tail.wait_for(1)
        assert (view["event_type"], view["page_type"]) == ("page_view", "product")
        assert view["page_url"] == f"{shop}/index.html?p=1"
        page.evaluate("clicklake.track('add_to_cart', {product_id: 'p1', quantity: 2})")
        assert tail.wait_for(2)[1]["product_id"] == "p1"
        page.evaluate("clicklake.track('cart_view'); location.href = 'about:blank'")
        page.wait_for_url("about:blank")
        events = tail.wait_for(3)
        assert [event["event_type"] for event in events] == ["page_view", "add_to_cart", "cart_view"]
        assert [event["sequence"] for event in events] == [1, 2, 3]
        assert len({event["visitor_id"] for event in events}) == 1
        assert len({event["session_id"] for event in events}) == 1
        assert {record.key.decode() for record in tail.records} == {view["visitor_id"]}
        page.goto(f"{shop}/index.html?p=2")
        again = tail.wait_for(4)[3]
        assert (again["visitor_id"], again["sequence"]) == (view["visitor_id"], 4)
    favicon = [text for text in watched.complaints if "404" not in text]
    assert favicon == []


def test_the_shop_script_keeps_events_while_the_door_is_shut(web, stack, shop, tmp_path, watched):
    door = web()
    shop_page(tmp_path, door)
    page = watched.page
    refused = 0

    def refuse(route) -> None:
        nonlocal refused
        refused += 1
        route.fulfill(status=503, headers={"access-control-allow-origin": "*"})

    page.route("**/v1/events", refuse)
    with closing(TopicTail(stack.kafka)) as tail:
        page.goto(f"{shop}/index.html")
        page.wait_for_function("window.clicklake")
        page.evaluate("clicklake.track('search', {search_query: 'shoes'})")
        page.wait_for_timeout(1000)
        assert refused >= 1
        assert tail.wait_for(1, seconds=0.5) == []
        page.unroute("**/v1/events")
        events = tail.wait_for(2)
        assert [event["event_type"] for event in events] == ["page_view", "search"]
        page.wait_for_function("localStorage.clicklake_queue === '[]'")


def test_a_new_session_begins_after_half_an_hour(web, stack, shop, tmp_path, watched):
    shop_page(tmp_path, web())
    page = watched.page
    with closing(TopicTail(stack.kafka)) as tail:
        page.goto(f"{shop}/index.html")
        page.wait_for_function("window.clicklake")
        (first,) = tail.wait_for(1)
        page.evaluate(
            "s = JSON.parse(localStorage.clicklake_session);"
            "localStorage.clicklake_session = JSON.stringify({...s, at: s.at - 1801e3});"
            "clicklake.track('heartbeat')"
        )
        second = tail.wait_for(2)[1]
    assert second["session_id"] != first["session_id"]
    assert second["visitor_id"] == first["visitor_id"]
