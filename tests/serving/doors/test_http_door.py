"""What callers of the HTTP door are answered; the scorer counts, and Kafka is not there."""

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipelines.silver.enrichment import Pseudonyms
from pipelines.silver.reading import RecordReader
from serving.doors.identity import Identity
from tests.serving.doors.parts import unchanged

VIEW = {"event_type": "page_view", "event_id": "e1"}


class TestDecisions:
    def test_one_question_has_one_answer(self, client):
        answer = client.ask()
        found = answer.json()
        assert answer.status_code == 200
        assert (found["action"], found["reason"], found["products"]) == ("nothing", "default", ["p1"])
        assert found["stale"] == [{"part": "model", "age_ms": None}]
        assert found["expires"].endswith("Z")
        assert client.door.scorer.answered[found["decision_id"]].door == "http"

    def test_a_batch_is_answered_in_its_order(self, client):
        asked = [
            {"problem": "checkout_purchase", "visitor_id": f"v{n}", "session_id": "s"} for n in range(40)
        ]
        found = client.post("/v1/decisions", json={"decisions": asked}).json()["decisions"]
        about = [client.door.scorer.answered[one["decision_id"]].visitor_id for one in found]
        assert about == [one["visitor_id"] for one in asked]
        assert client.post("/v1/decisions", json={"decisions": []}).json() == {"decisions": []}

    def test_an_id_is_decided_once(self, client):
        first, again = client.ask(decision_id="order-7"), client.ask(decision_id="order-7")
        assert first.json() == again.json()
        assert first.json()["decision_id"] == "order-7"
        twice = {"problem": "checkout_purchase", "visitor_id": "v", "session_id": "s", "decision_id": "d"}
        before = len(client.door.scorer.answered)
        both = client.post("/v1/decisions", json={"decisions": [twice, twice]}).json()["decisions"]
        assert both[0] == both[1]
        assert len(client.door.scorer.answered) == before + 1

    def test_an_id_of_another_question_is_refused(self, client):
        client.ask(decision_id="order-8")
        answer = client.ask(decision_id="order-8", visitor_id="v2")
        assert (answer.status_code, answer.json()["field"]) == (409, "decision_id")
        pair = [
            {"problem": "checkout_purchase", "visitor_id": v, "session_id": "s", "decision_id": "d2"}
            for v in ("a", "b")
        ]
        answer = client.post("/v1/decisions", json={"decisions": pair})
        assert (answer.status_code, answer.json()["field"]) == (409, "decisions[1].decision_id")

    def test_events_count_for_this_decision(self, client):
        answer = client.ask(
            events=[VIEW, {"event_type": "x"}, VIEW | {"visitor_id": "v2"}, VIEW | {"lines": []}]
        )
        made = client.door.scorer.answered[answer.json()["decision_id"]]
        assert made.added_events == '["e1"]'
        refused = [(one["index"], one["field"], one["reason"]) for one in answer.json()["refused_events"]]
        assert refused == [
            (1, "event_type", "unknown_choice"),
            (2, "visitor_id", "another_visitor"),
            (3, "order_id", "order_not_accepted"),
        ]

    def test_silver_knows_a_visitor_by_a_pseudonym_and_the_log_by_the_id(self, client_of):
        def hide(_table, row):
            pseudonyms.replace_in(row)

        pseudonyms = Pseudonyms("a key of sixteen characters", ("visitor_id",))
        identity = Identity(pseudonyms, RecordReader({}, hide), RecordReader({}, unchanged))
        client = client_of(identity=identity)
        written = []
        client.door.log.write = written.append
        answer = client.ask(events=[VIEW])
        made = client.door.scorer.answered[answer.json()["decision_id"]]
        assert len(made.visitor_id) == 32
        assert made.added_events == '["e1"]'
        assert [one.visitor_id for one in written] == ["v1"]


class TestRefusals:
    @pytest.mark.parametrize(
        ("changes", "field"),
        [
            ({"problem": "nothing"}, "problem"),
            ({"session_id": None}, "session_id"),
            ({"visitor_id": None}, "visitor_id"),
            ({"visitor_id": ""}, "visitor_id"),
            ({"visitor_id": "v" * 257}, "visitor_id"),
            ({"visitor_id": "a\0b"}, "visitor_id"),
            ({"session_id": 7}, "session_id"),
            ({"nonsense": 1}, "nonsense"),
            ({"events": [3]}, "events[0]"),
        ],
    )
    def test_name_the_field(self, client, changes, field):
        answer = client.ask(**changes)
        assert (answer.status_code, answer.json()["field"]) == (422, field)

    def test_name_the_field_of_a_batch(self, client):
        answer = client.post("/v1/decisions", json={"decisions": [{"problem": "p", "visitor_id": 1}]})
        assert (answer.status_code, answer.json()["field"]) == (422, "decisions[0].visitor_id")
        missing = client.post("/v1/decisions", json={"decisions": [{"problem": "p"}]})
        assert missing.json()["field"] == "decisions[0].visitor_id"

    @pytest.mark.parametrize("body", [b"", b"{", b"\xff", b"[" * 9000, b'{"problem":"\\ud800"}', b"\0"])
    def test_what_is_no_json_is_400(self, client, body):
        headers = {"content-type": "application/json"}
        answer = client.post("/v1/decisions", content=body, headers=headers)
        assert (answer.status_code, answer.json()["error"]) == (400, "unreadable_body")

    def test_a_batch_may_not_be_too_long(self, client):
        one = {"problem": "checkout_purchase", "visitor_id": "v", "session_id": "s"}
        answer = client.post("/v1/decisions", json={"decisions": [one] * 51})
        assert (answer.status_code, answer.json()["error"]) == (413, "too_many_decisions")

    def test_a_body_may_not_be_too_long(self, client):
        def drip():
            for _ in range(101):
                yield b" " * 1000

        kind = {"content-type": "application/json"}
        said = client.post("/v1/decisions", content=b"{}", headers=kind | {"content-length": "100001"})
        assert said.status_code == 413
        assert client.post("/v1/decisions", content=drip(), headers=kind).status_code == 413

    @pytest.mark.parametrize("headers", [{"content-type": "text/plain"}, {"content-encoding": "gzip"}])
    def test_other_media_types_are_415(self, client, headers):
        kind = {"content-type": "application/json"} | headers
        assert client.post("/v1/decisions", content=b"{}", headers=kind).status_code == 415

    def test_other_methods_and_paths(self, client):
        answer = client.get("/v1/decisions")
        assert (answer.status_code, answer.headers["allow"]) == (405, "POST")
        assert client.post("/health").headers["allow"] == "GET"
        assert client.get("/v1/nothing").status_code == 404

    def test_a_scorer_that_fails_is_503_and_counted(self, client_of):
        client = client_of()
        client.door.scorer.fails = True
        assert (client.ask().status_code, client.ask().json()["error"]) == (503, "not_decided")
        assert 'failures_total{where="scorer"} 2.0' in client.get("/metrics").text

    @settings(deadline=None, max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(
        st.recursive(
            st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
            lambda inner: (
                st.lists(inner, max_size=4)
                | st.dictionaries(st.text(max_size=5), inner, max_size=4)
                | st.fixed_dictionaries(
                    {"problem": st.just("checkout_purchase") | inner, "visitor_id": inner},
                    optional={
                        "session_id": inner,
                        "decision_id": inner,
                        "events": st.lists(inner, max_size=3),
                    },
                )
                | st.fixed_dictionaries({"decisions": st.lists(inner, max_size=3)})
            ),
            max_leaves=12,
        ).map(msgspec.json.encode)
        | st.binary(max_size=60)
    )
    def test_no_body_is_a_500(self, client, body):
        headers = {"content-type": "application/json"}
        answer = client.post("/v1/decisions", content=body, headers=headers)
        assert answer.status_code in {200, 400, 409, 422}


class TestOtherPaths:
    def test_features_of_an_entity(self, client):
        found = client.get("/v1/features/session/v%2F1/s%201?user_id=u1").json()
        assert found["key"] == {"visitor_id": "v/1", "session_id": "s 1", "user_id": "u1"}
        assert (found["features"], found["positions"]) == ({"seen": 0}, {"clicks": {"0": 3}})

    @pytest.mark.parametrize(
        ("path", "status"),
        [("nothing/v", 404), ("visitor", 404), ("session/v", 404), ("visitor/", 422), ("visitor/%FF", 422)],
    )
    def test_what_names_no_entity(self, client, path, status):
        assert client.get(f"/v1/features/{path}").status_code == status

    def test_why_a_decision_was_made(self, client):
        named = client.ask(decision_id="a/b c").json()["decision_id"]
        assert client.get("/v1/explain/a%2Fb%20c").json()["decision_id"] == named
        assert client.get("/v1/explain/unknown").status_code == 404

    def test_ready_says_what_is_missing(self, client_of):
        client = client_of(unready=lambda: {"kafka": "it does not answer"})
        answer = client.get("/ready")
        assert (answer.status_code, answer.json()["problems"]) == (503, {"kafka": "it does not answer"})
        assert client.get("/health").json() == {"alive": True}

    def test_figures_are_told(self, client_of):
        client = client_of()
        client.ask()
        client.ask(problem="nothing")
        text = client.get("/metrics").text
        assert (
            'decisions_total{action="nothing",door="http",problem="checkout_purchase",reason="default"} 1.0'
            in text
        )
        assert 'http_requests_total{route="refused",status="422"} 1.0' in text
