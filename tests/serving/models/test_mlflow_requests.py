"""A tracking server that is away, silent, slow or wrong costs the watcher seconds and one sentence."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from pipelines.errors import ModelError, ServiceError
from serving.models import mlflow_requests
from serving.models.mlflow_requests import NotThere, get
from serving.models.mlflow_source import MlflowSource


@contextmanager
def server(answer: Callable[[BaseHTTPRequestHandler], None]) -> Iterator[str]:
    """An HTTP server of one answer; its address."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            answer(self)

        def log_message(self, *_):
            return

    running = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    running.daemon_threads = True
    thread = threading.Thread(target=running.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield f"http://127.0.0.1:{running.server_port}"
    finally:
        running.shutdown()
        running.server_close()
        thread.join()


def says(status: int, body: bytes = b"{}"):
    """An answer with that status."""

    def answer(handler):
        handler.send_response(status)
        handler.send_header("Content-Length", str(len(body)))
        handler.end_headers()
        handler.wfile.write(body)

    return answer


def drips(handler):
    """A byte now and then, without end."""
    handler.send_response(200)
    handler.end_headers()
    try:
        while True:
            handler.wfile.write(b" ")
            time.sleep(0.02)
    except OSError:
        return


def breaks_off(handler):
    """Half of what it promises."""
    handler.send_response(200)
    handler.send_header("Content-Length", "80")
    handler.end_headers()
    handler.wfile.write(b"y" * 40)


def stops(over):
    """A beginning, then nothing more."""

    def answer(handler):
        handler.send_response(200)
        handler.end_headers()
        handler.wfile.write(b"y")
        over.wait(10)

    return answer


def asked(uri: str, *, limit_bytes: int = 100, limit_seconds: float = 0.3) -> bytes:
    return get(uri, "/x", "answer", limit_bytes=limit_bytes, limit_seconds=limit_seconds)


def test_an_answer_is_given_as_it_is():
    with server(says(200, b"y" * 100)) as uri:
        assert asked(uri) == b"y" * 100


def test_a_larger_answer_is_not_read_to_its_end():
    with server(says(200, b"y" * 101)) as uri, pytest.raises(ModelError, match="it is larger than"):
        asked(uri)


def test_half_an_answer_is_none():
    with server(breaks_off) as uri, pytest.raises(ServiceError, match="IncompleteRead"):
        asked(uri)


@pytest.mark.parametrize(
    ("status", "why"), [(500, "it says 500"), (503, "it says 503"), (401, "it says 401")]
)
def test_a_refusal_is_said_at_once(status, why):
    with server(says(status)) as uri:
        began = time.monotonic()
        with pytest.raises(ServiceError, match=why):
            asked(uri)
        assert time.monotonic() - began < 1


def test_what_is_not_there_is_told_apart():
    with server(says(404)) as uri, pytest.raises(NotThere, match=r"could not answer: it is not there\.$"):
        asked(uri)


def test_a_silent_server_costs_little(monkeypatch):
    monkeypatch.setattr(mlflow_requests, "SILENT_SECONDS", 0.2)
    over = threading.Event()
    with server(lambda handler: over.wait(10)) as uri:
        began = time.monotonic()
        with pytest.raises(ServiceError, match=r"could not answer registered-models/search: it does not ans"):
            MlflowSource(uri).outlines()
        assert time.monotonic() - began < 1
        over.set()


def test_a_server_that_stops_within_its_answer_costs_little(monkeypatch):
    monkeypatch.setattr(mlflow_requests, "SILENT_SECONDS", 0.2)
    over = threading.Event()
    with server(stops(over)) as uri:
        began = time.monotonic()
        with pytest.raises(ServiceError, match=r"could not answer: it does not answer\.$"):
            asked(uri, limit_seconds=5)
        assert time.monotonic() - began < 1
        over.set()


def test_a_dripping_server_costs_little():
    with server(drips) as uri:
        began = time.monotonic()
        with pytest.raises(ServiceError, match="the answer takes too long"):
            asked(uri, limit_bytes=1 << 20)
        assert time.monotonic() - began < 1


def test_nobody_there_is_said_at_once():
    began = time.monotonic()
    with pytest.raises(
        ServiceError, match=r"^MLflow at http://127\.0\.0\.1:9 could not answer.*not answer\.$"
    ):
        MlflowSource("http://127.0.0.1:9").outlines()
    assert time.monotonic() - began < 1


@pytest.mark.parametrize("body", [b"<html>", b'{"registered_models": 7}', b"[]"])
def test_another_kind_of_server_is_no_registry(body):
    with server(says(200, body)) as uri, pytest.raises(ServiceError, match="gave no answer to registered-mo"):
        MlflowSource(uri).outlines()
