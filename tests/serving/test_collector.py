"""The door's answers that need no broker, and those when the broker is away."""

import time
from collections.abc import Iterator

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from starlette.applications import Starlette
from starlette.testclient import TestClient

from serving.collector import COOKIE, Collector, Limits
from serving.event_producer import EventProducer

VIEW = {"event_type": "page_view", "visitor_id": "v1"}
SHOP = "https://shop.example"


def client_of(*, timeout: float = 0.3, origins=("*",), **limits: int) -> TestClient:
    """The door of a broker that does not exist."""
    given_limits = {"max_body_bytes": 10_000, "max_batch_events": 20, "events_per_second_per_client": 10_000}
    producer = EventProducer(bootstrap="127.0.0.1:1", topic="clicks", timeout_seconds=timeout)
    collector = Collector(producer=producer, limits=Limits(**given_limits | limits), cors_origins=origins)
    return TestClient(Starlette(routes=collector.routes()), raise_server_exceptions=True)


@pytest.fixture(scope="module")
def door() -> Iterator[TestClient]:
    with client_of() as client:
        yield client


class TestShapeOfTheRequest:
    def test_all_bad_is_422_and_each_is_named(self, door):
        answer = door.post("/v1/events", json=[{"event_type": "x"}, 3, {"lines": [], "order_id": "o"}])
        assert answer.status_code == 422
        assert answer.json()["accepted"] == 0
        listed = [(one["index"], one["field"], one["reason"]) for one in answer.json()["refused"]]
        assert listed == [
            (0, "event_type", "unknown_choice"),
            (1, None, "not_an_object"),
            (2, "order_id", "order_not_accepted"),
        ]

    def test_no_events_is_nothing_to_do(self, door):
        assert door.post("/v1/events", json=[]).json() == {"accepted": 0, "refused": []}

    @pytest.mark.parametrize("kind", ["application/json", "text/plain;charset=UTF-8", "TEXT/PLAIN", None])
    def test_types_a_browser_sends_are_read(self, door, kind):
        headers = {"content-type": kind} if kind else {}
        assert door.post("/v1/events", content=b'{"event_type":"x"}', headers=headers).status_code == 422

    @pytest.mark.parametrize(
        "headers", [{"content-type": "application/x-www-form-urlencoded"}, {"content-encoding": "gzip"}]
    )
    def test_other_types_are_415(self, door, headers):
        assert door.post("/v1/events", content=b"a=1", headers=headers).status_code == 415

    @pytest.mark.parametrize("body", [b"", b"{", b"\xff", b"[" * 9000, b"3"])
    def test_what_is_no_events_is_400(self, door, body):
        answer = door.post("/v1/events", content=body)
        assert (answer.status_code, answer.json()["error"]) == (400, "unreadable_body")

    def test_other_methods_are_405(self, door):
        assert door.get("/v1/events").status_code == 405
        assert door.put("/v1/events", json=VIEW).status_code == 405

    def test_too_many_events_is_413(self, door):
        answer = door.post("/v1/events", json=[{"event_type": "x"}] * 21)
        assert (answer.status_code, answer.json()["error"]) == (413, "too_many_events")
        assert door.post("/v1/events", json=[{"event_type": "x"}] * 20).status_code == 422

    def test_a_long_body_is_413_by_what_it_says(self, door):
        answer = door.post("/v1/events", content=b"x", headers={"content-length": "10001"})
        assert (answer.status_code, answer.json()["limit_bytes"]) == (413, 10_000)

    def test_a_long_body_is_413_by_what_it_is(self, door):
        def drip() -> Iterator[bytes]:
            for _ in range(11):
                yield b" " * 1000

        assert door.post("/v1/events", content=drip()).status_code == 413

    def test_a_body_at_the_limit_is_read(self, door):
        body = b'{"event_type":"x"}'.ljust(10_000)
        assert door.post("/v1/events", content=body).status_code == 422

    @settings(deadline=None, max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(
        body=st.binary(max_size=200)
        | st.lists(st.dictionaries(st.text(max_size=5), st.text() | st.integers(), max_size=3)).map(
            msgspec.json.encode
        ),
        kind=st.sampled_from(["application/json", "text/plain", ""]) | st.text("abc/;", max_size=8),
        cookie=st.text(
            st.characters(min_codepoint=33, max_codepoint=126, exclude_characters=";,"), max_size=20
        ),
    )
    def test_no_bytes_are_a_500(self, door, body, kind, cookie):
        headers = {"content-type": kind, "cookie": f"{COOKIE}={cookie}"}
        assert door.post("/v1/events", content=body, headers=headers).status_code in {200, 400, 413, 415, 422}


class TestOrigins:
    def preflight(self, door, origin=SHOP):
        asked = {
            "origin": origin,
            "access-control-request-method": "POST",
            "access-control-request-headers": "content-type",
        }
        return door.options("/v1/events", headers=asked)

    def test_any_origin_may_send_by_default_but_without_the_cookie(self, door):
        answer = self.preflight(door)
        assert answer.status_code == 200
        assert answer.headers["access-control-allow-origin"] == "*"
        assert "POST" in answer.headers["access-control-allow-methods"]
        assert "access-control-allow-credentials" not in answer.headers

    def test_named_origins_may_send_the_cookie_too(self):
        with client_of(origins=[SHOP]) as door:
            answer = self.preflight(door)
            assert answer.headers["access-control-allow-origin"] == SHOP
            assert answer.headers["access-control-allow-credentials"] == "true"
            assert self.preflight(door, "https://evil.example").status_code == 400

    def test_other_origins_are_turned_away_before_anything_is_stored(self):
        with client_of(origins=[SHOP]) as door:
            other = door.post("/v1/events", json=[], headers={"origin": "https://evil.example"})
            assert (other.status_code, other.json()["error"]) == (403, "origin_not_allowed")
            assert door.post("/v1/events", json=[], headers={"origin": SHOP}).status_code == 200
            assert (
                door.post("/v1/events", json=[], headers={"origin": "http://testserver"}).status_code == 200
            )
            assert door.post("/v1/events", json=[]).status_code == 200

    @pytest.mark.parametrize("content", [b"{", b" " * 20_000])
    def test_a_page_can_read_why_it_was_turned_away(self, door, content):
        answer = door.post("/v1/events", content=content, headers={"origin": SHOP})
        assert answer.status_code in {400, 413}
        assert answer.headers["access-control-allow-origin"] == "*"


class TestRate:
    def test_too_fast_is_429_with_the_time_to_wait(self):
        with client_of(events_per_second_per_client=2, max_batch_events=5) as door:
            assert door.post("/v1/events", json=[{}] * 5).status_code == 422
            answer = door.post("/v1/events", json=[{}] * 3)
            assert answer.status_code == 429
            assert 1 <= int(answer.headers["retry-after"]) <= 2

    def test_a_whole_batch_is_always_possible(self):
        with client_of(events_per_second_per_client=1, max_batch_events=20) as door:
            assert door.post("/v1/events", json=[{}] * 20).status_code == 422


class TestBrokerAway:
    def test_is_503_in_time_and_says_when_to_come_back(self):
        with client_of(timeout=4.0) as door:
            for _ in range(2):
                started = time.monotonic()
                answer = door.post("/v1/events", json=[VIEW, {"event_type": "x"}])
                assert answer.status_code == 503
                assert int(answer.headers["retry-after"]) >= 1
                assert answer.json()["error"] == "broker_away"
                assert time.monotonic() - started < 5

    def test_bad_events_are_named_without_the_broker(self):
        with client_of() as door:
            assert door.post("/v1/events", json={"event_type": "x"}).status_code == 422

    def test_no_cookie_is_set_for_an_event_that_was_not_taken(self):
        with client_of() as door:
            assert COOKIE not in door.post("/v1/events", json=VIEW).cookies


class TestScript:
    def test_is_small_and_may_be_loaded_by_any_page(self, door):
        answer = door.get("/v1/clicklake.js")
        assert answer.headers["content-type"].startswith("text/javascript")
        assert answer.headers["cross-origin-resource-policy"] == "cross-origin"
        assert len(answer.content) <= 2500
