"""Who is let in, how much, how slow; and what becomes of decisions while Kafka is away."""

import socket
import time

from serving.server import listen, serving
from tests.serving.doors.conftest import Door


class TestAdmission:
    def test_a_key_is_asked_for_once_there_is_one(self, client_of):
        client = client_of(api_keys=("first", "second"))
        assert client.ask().status_code == 401
        assert client.get("/v1/explain/x").headers["www-authenticate"] == "Bearer"
        for headers in ({"x-api-key": "second"}, {"authorization": "Bearer first"}):
            client.headers = headers
            assert client.ask().status_code == 200
        client.headers = {"x-api-key": "firs"}
        assert client.ask().status_code == 401
        assert client.get("/health").status_code == 200

    def test_each_caller_has_its_own_rate(self, client_of):
        client = client_of(decisions_per_second=1, max_batch=3, api_keys=("first", "second"))
        client.headers = {"x-api-key": "first"}
        assert [client.ask().status_code for _ in range(4)] == [200, 200, 200, 429]
        assert int(client.ask().headers["retry-after"]) >= 1
        client.headers = {"x-api-key": "second"}
        one = {"problem": "checkout_purchase", "visitor_id": "v", "session_id": "s"}
        assert client.post("/v1/decisions", json={"decisions": [one] * 3}).status_code == 200
        assert client.ask().status_code == 429


class TestKafkaAway:
    def test_answers_come_and_decisions_wait_and_the_oldest_is_dropped_and_counted(self, client_of):
        client = client_of(most_waiting=10)
        began = time.monotonic()
        for _ in range(1_015):
            assert client.ask().status_code == 200
        assert time.monotonic() - began < 10
        text = client.get("/metrics").text
        assert "clicklake_scorer_dropped_decisions_total 5.0" in text
        assert "clicklake_scorer_waiting_decisions 1010.0" in text


def test_a_body_that_does_not_come_is_408():
    bound = listen(host="127.0.0.1", port=0)
    with (
        serving(Door(body_seconds=0.2).app, bound=bound) as url,
        socket.create_connection(("127.0.0.1", int(url.rstrip("/").rpartition(":")[2]))) as caller,
    ):
        caller.settimeout(5)
        caller.sendall(b"POST /v1/decisions HTTP/1.1\r\nhost: x\r\ncontent-length: 10\r\n\r\n{")
        assert caller.makefile("rb").readline().startswith(b"HTTP/1.1 408")
