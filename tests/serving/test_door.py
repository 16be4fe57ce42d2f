"""The door with a real broker: what is answered 200 is in the topic."""

import signal
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager

import httpx
import psutil
import pytest

from pipelines.contracts.parsing import RawRecord, parse_record
from pipelines.contracts.topics.clicks import TOPIC
from pipelines.runtime.embedded.state import StateFile
from serving.collector import COOKIE
from tests.serving.topic_tail import TopicTail

pytestmark = pytest.mark.services


@pytest.fixture
def tail(stack, web):
    with closing(TopicTail(stack.kafka)) as reader:
        yield reader


@pytest.fixture
def door(web):
    with httpx.Client(base_url=web(), timeout=20) as client:
        yield client


@contextmanager
def broker_stopped(names):
    """The broker's process halted: connections stand, nothing answers."""
    broker = psutil.Process(StateFile(names=names).read()["kafka"].process.pid)
    broker.send_signal(signal.SIGSTOP)
    try:
        yield
    finally:
        broker.send_signal(signal.SIGCONT)


def test_accepted_events_are_in_the_topic_keyed_by_visitor(web, door, tail):
    events = [{"event_type": "page_view", "visitor_id": f"v{n % 3}", "event_id": f"e{n}"} for n in range(30)]
    answer = door.post("/v1/events", json=[*events, {"event_type": "nonsense"}])
    assert answer.status_code == 207
    assert answer.json()["accepted"] == 30
    assert [one["index"] for one in answer.json()["refused"]] == [30]
    assert sorted(event["event_id"] for event in tail.wait_for(30)) == sorted(e["event_id"] for e in events)
    for record in tail.records:
        raw = RawRecord(record.key, record.value, (), record.timestamp * 1000)
        assert parse_record(raw, TOPIC)[0]["visitor_id"].encode() == record.key
    places = {(record.key, record.partition) for record in tail.records}
    assert len(places) == 3, "a visitor's events are in one partition"


def test_a_first_visit_gets_a_cookie_that_names_the_visitor_from_then_on(web, door, tail):
    first = door.post("/v1/events", json={"event_type": "page_view"})
    (cookie,) = first.headers.get_list("set-cookie")
    for part in ("HttpOnly", "SameSite=lax", "Max-Age=31536000", "Path=/"):
        assert part in cookie
    assert "Secure" not in cookie, "this server is not behind https"
    second = door.post("/v1/events", json={"event_type": "page_view"})
    assert "set-cookie" not in second.headers
    visitors = {event["visitor_id"] for event in tail.wait_for(2)}
    assert visitors == {first.cookies[COOKIE]}


def test_the_cookie_is_secure_behind_https(web, door):
    answer = door.post("/v1/events", json={"event_type": "page_view"}, headers={"x-forwarded-proto": "https"})
    assert "Secure" in answer.headers["set-cookie"]


def test_the_cookie_takes_the_id_that_the_script_has(web, door, tail):
    answer = door.post("/v1/events", json={"event_type": "page_view", "visitor_id": "script-1"})
    assert answer.cookies[COOKIE] == "script-1"


def test_a_forged_cookie_is_not_believed(web, door, tail):
    answer = door.post("/v1/events", json={"event_type": "page_view"}, headers={"cookie": f"{COOKIE}=a b<c>"})
    assert answer.status_code == 200
    assert tail.wait_for(1)[0]["visitor_id"] == answer.cookies[COOKIE]


def test_the_request_fills_in_what_the_event_leaves_out(web, door, tail):
    headers = {"user-agent": "Test/1", "referer": "https://shop.example/p/1"}
    door.post("/v1/events", json={"event_type": "page_view"}, headers=headers)
    (event,) = tail.wait_for(1)
    assert (event["user_agent"], event["page_url"]) == ("Test/1", "https://shop.example/p/1")
    assert event["ip_address"] == "127.0.0.1"


def test_many_at_once_are_all_there(web, door, tail):
    def send(number: int) -> int:
        events = [
            {"event_type": "heartbeat", "visitor_id": f"v{number}", "event_id": f"{number}-{n}"}
            for n in range(20)
        ]
        accepted: int = door.post("/v1/events", json=events).json()["accepted"]
        return accepted

    with ThreadPoolExecutor(16) as pool:
        accepted = sum(pool.map(send, range(60)))
    assert accepted == 1200
    assert len({event["event_id"] for event in tail.wait_for(1200)}) == 1200


def test_a_broker_that_stops_is_503_and_comes_back_without_a_restart(web, door, tail, stack_names):
    assert door.post("/v1/events", json={"event_type": "page_view"}).status_code == 200
    with broker_stopped(stack_names):
        started = time.monotonic()
        answer = door.post("/v1/events", json={"event_type": "page_view"})
        assert answer.status_code == 503
        assert time.monotonic() - started < 5
        assert door.get("/ready").status_code == 503
        assert door.get("/health").status_code == 200
    deadline = time.monotonic() + 30
    while (
        answer := door.post("/v1/events", json={"event_type": "page_view", "event_id": "back"})
    ).status_code != 200:
        assert time.monotonic() < deadline, answer.text
    assert "back" in {event["event_id"] for event in tail.wait_for(2)}
    time.sleep(2.1)
    assert door.get("/ready").json() == {"ready": True}
