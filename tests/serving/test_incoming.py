"""Bodies become events, and each event is completed and judged by the streams' own parser."""

from datetime import UTC, datetime

import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from pipelines.contracts.parsing import RawRecord, parse_record
from pipelines.contracts.topics.clicks import TOPIC
from serving.incoming import Accepted, Caller, Refused, UnreadableBody, judge, read_events

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
CALLER = Caller("cookie-id", "192.0.2.7", "Browser/1.0", "https://shop.example/cart")
MICROS = int(NOW.timestamp() * 1_000_000)

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)
likely_fields = st.sampled_from([field.name for field in TOPIC.fields] + ["lines", "order_id", "properties"])
likely_values = json_values | st.sampled_from(
    ["page_view", "2026-03-01T11:59:00Z", 1_772_366_400_000, "EUR", ""]
)
likely_events = st.dictionaries(likely_fields, likely_values, max_size=8)


def verdict(event, caller=CALLER):
    return judge(event, index=3, caller=caller, now=NOW)


def sent(event, caller=CALLER) -> dict[str, object]:
    accepted = verdict(event, caller)
    assert isinstance(accepted, Accepted), accepted
    return msgspec.json.decode(accepted.value)


class TestReadEvents:
    @pytest.mark.parametrize("body", [b'{"a":1}', b'[{"a":1}]', b'{"events":[{"a":1}]}', b' [ {"a":1} ] '])
    def test_three_shapes_mean_the_same(self, body):
        assert read_events(body) == [{"a": 1}]

    def test_an_event_may_have_a_field_called_events_beside_others(self):
        assert read_events(b'{"events":[1],"event_type":"page_view"}') == [
            {"events": [1], "event_type": "page_view"}
        ]

    def test_an_empty_array_is_no_event(self):
        assert read_events(b"[]") == []

    @pytest.mark.parametrize(
        ("body", "detail"),
        [
            (b"", "empty"),
            (b" \n", "empty"),
            (b"{", "not JSON"),
            (b"\xff\xfe", "not JSON"),
            (b"NaN", "not JSON"),
            (b'{"a":1e400}', "not JSON"),
            (b'"page_view"', "neither"),
            (b"17", "neither"),
            (b'{"events":{"a":1}}', "`events` is not an array"),
            (b"[" * 100_000, "nested too deeply"),
        ],
    )
    def test_what_is_no_event_is_said(self, body, detail):
        with pytest.raises(UnreadableBody) as caught:
            read_events(body)
        assert detail in caught.value.detail

    @given(body=st.binary(max_size=300) | json_values.map(msgspec.json.encode))
    def test_no_bytes_raise_anything_else(self, body):
        try:
            events = read_events(body)
        except UnreadableBody:
            return
        assert isinstance(events, list)


class TestJudge:
    def test_what_is_absent_comes_from_the_request(self):
        event = sent({"event_type": "page_view"})
        assert len(event.pop("event_id")) == 32
        assert event == {
            "event_type": "page_view",
            "occurred_at": "2026-03-01T12:00:00.000+00:00",
            "visitor_id": "cookie-id",
            "page_url": "https://shop.example/cart",
            "user_agent": "Browser/1.0",
            "ip_address": "192.0.2.7",
        }

    def test_what_the_event_says_stands(self):
        given_event = {
            "event_type": "search",
            "event_id": "e1",
            "occurred_at": 1_772_366_000_000,
            "visitor_id": 77,
            "page_url": "https://shop.example/?q=a",
            "user_agent": "App/2",
            "ip_address": "198.51.100.1",
            "search_query": "shoes",
            "colour": {"of": ["the", "sea"]},
        }
        assert sent(given_event) == given_event

    def test_empty_and_null_count_as_absent(self):
        event = sent({"event_type": "page_view", "event_id": "", "visitor_id": None})
        assert event["event_id"]
        assert event["visitor_id"] == "cookie-id"

    def test_two_events_get_two_ids(self):
        first, second = (sent({"event_type": "page_view"})["event_id"] for _ in range(2))
        assert first != second

    @pytest.mark.parametrize(("visitor", "key"), [("v1", b"v1"), (42, b"42"), ("ü", "ü".encode())])
    def test_the_key_is_the_visitor_as_silver_reads_it(self, visitor, key):
        accepted = verdict({"event_type": "page_view", "visitor_id": visitor})
        assert isinstance(accepted, Accepted)
        assert accepted.key == key

    @pytest.mark.parametrize(
        ("event", "field", "reason"),
        [
            ({}, "event_type", "missing"),
            ({"event_type": "purchase"}, "event_type", "unknown_choice"),
            ({"event_type": "page_view", "occurred_at": "2027-01-01"}, "occurred_at", "in_future"),
            ({"event_type": "page_view", "occurred_at": 1_772_366_400}, "occurred_at", "before_2000"),
            ({"event_type": "page_view", "quantity": "2"}, "quantity", "wrong_type"),
            ({"event_type": "page_view", "visitor_id": "a\0b"}, "visitor_id", "bad_character"),
            ({"event_type": "page_view", "note": "x" * 1_100_000}, None, "too_large"),
            ([], None, "not_an_object"),
            (None, None, "not_an_object"),
            ({"order_id": "o1", "status": "paid"}, "order_id", "order_not_accepted"),
            ({"event_type": "page_view", "lines": []}, "order_id", "order_not_accepted"),
        ],
    )
    def test_a_refusal_names_index_field_and_reason(self, event, field, reason):
        refused = verdict(event)
        assert isinstance(refused, Refused)
        assert (refused.index, refused.field, refused.reason) == (3, field, reason)

    def test_too_deep_is_refused(self):
        event: dict[str, object] = {"event_type": "page_view"}
        inner = event
        for _ in range(70):
            inner["a"] = {}
            inner = inner["a"]
        refused = verdict(event)
        assert isinstance(refused, Refused)
        assert refused.reason == "too_deep"

    @example(event={"event_type": "page_view", "a": "\ud800"})
    @example(event={"event_type": "page_view", "a": 2**70})
    @given(event=json_values | likely_events)
    def test_what_is_accepted_the_streams_accept(self, event):
        judged = verdict(event)
        if isinstance(judged, Refused):
            return
        rows = parse_record(RawRecord(judged.key, judged.value, (), MICROS), TOPIC)
        assert isinstance(rows, list)
        assert rows[0]["visitor_id"].encode() == judged.key


class TestCaller:
    @pytest.mark.parametrize(
        "referer", [None, "", "https://shop.example", "https://shop.example/", "http://[", "a\x07/b"]
    )
    def test_a_referer_that_names_no_page_is_not_used(self, referer):
        caller = Caller.of(visitor_id="v", address=None, user_agent=None, referer=referer)
        assert "page_url" not in sent({"event_type": "page_view"}, caller)

    def test_headers_fit_their_fields(self):
        caller = Caller.of(
            visitor_id="v", address="::1", user_agent="x" * 5000, referer="https://a/" + "b" * 5000
        )
        event = sent({"event_type": "page_view"}, caller)
        assert len(event["user_agent"]) == 2048
        assert "page_url" not in event
