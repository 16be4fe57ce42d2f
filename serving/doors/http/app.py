"""The ASGI application: who may ask, how much, and where each path leads."""

import time
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from types import SimpleNamespace
from typing import Any

import msgspec
import structlog
from starlette.types import Receive, Scope, Send

from serving.doors.http.admission import Admission, Gone, Limits
from serving.doors.http.answering import HttpDoor
from serving.doors.http.bodies import Refusal, read_asks
from serving.doors.http.entities import decoded
from serving.doors.http.openapi import described

_log = structlog.get_logger(__name__)
_DECISIONS = "/v1/decisions"
_FEATURES = "/v1/features/"
_EXPLAIN = "/v1/explain/"
_JSON = b"application/json"
_encoder = msgspec.json.Encoder(enc_hook=str)


class ScorerApp:
    """Everything but the decision itself. `lifespan` gives the door, in the loop, and ends what it began."""

    def __init__(
        self, lifespan: Callable[[], AbstractAsyncContextManager[HttpDoor]], *, limits: Limits
    ) -> None:
        self.state = SimpleNamespace(end_streams=lambda: None)
        self._lifespan = lifespan
        self._door: HttpDoor | None = None
        self._limits = limits
        self._admission = Admission(limits)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, or run the lifespan."""
        if scope["type"] == "lifespan":
            await self._live(receive, send)
            return
        route, status = "other", 500
        try:
            route, status, body, kind, headers = await self._routed(scope, receive)
        except Refusal as refusal:
            route, status, headers = "refused", refusal.status, refusal.headers
            body, kind = _encoder.encode(refusal.content), _JSON
        except Gone:
            return
        assert self._door is not None
        self._door.meters.requests.labels(route, status).inc()
        length = (b"content-length", b"%d" % len(body))
        start = [(b"content-type", kind), length, *headers]
        await send({"type": "http.response.start", "status": status, "headers": start})
        await send({"type": "http.response.body", "body": body})

    async def _routed(self, scope: Scope, receive: Receive) -> tuple[str, int, bytes, bytes, Any]:
        path: str = scope["path"]
        assert self._door is not None
        if path == _DECISIONS:
            return await self._decide(scope, receive)
        if path.startswith((_FEATURES, _EXPLAIN)):
            _only(scope, "GET")
            self._admission.admit(scope, dict(scope["headers"]))
            return self._asked(scope)
        if path in _OPEN:
            _only(scope, "GET")
            return self._open(path)
        raise Refusal(404, "not_found", "there is nothing here; see /openapi.json")

    async def _decide(self, scope: Scope, receive: Receive) -> tuple[str, int, bytes, bytes, Any]:
        door = self._door
        assert door is not None
        _only(scope, "POST")
        headers = dict(scope["headers"])
        self._admission.admit(scope, headers)
        kind = headers.get(b"content-type", _JSON).partition(b";")[0].strip().lower()
        if kind != _JSON or b"content-encoding" in headers:
            raise Refusal(415, "unsupported_media_type", "send application/json, uncompressed")
        asks, is_batch = read_asks(await self._admission.body(headers, receive))
        if len(asks) > self._limits.max_batch:
            detail = f"at most {self._limits.max_batch} in a request"
            raise Refusal(413, "too_many_decisions", detail, field="decisions")
        if len(asks) > 1:
            self._admission.take(scope, headers, len(asks) - 1)
        began = time.perf_counter()
        answers = await door.decide(asks, is_batch=is_batch)
        body = _encoder.encode({"decisions": answers} if is_batch else answers[0])
        door.meters.answered.observe(time.perf_counter() - began)
        return "decisions", 200, body, _JSON, ()

    def _asked(self, scope: Scope) -> tuple[str, int, bytes, bytes, Any]:
        door = self._door
        assert door is not None
        raw: str = scope.get("raw_path", scope["path"].encode()).partition(b"?")[0].decode("latin-1")
        if raw.startswith(_EXPLAIN):
            found = door.explain(decoded(raw.removeprefix(_EXPLAIN), "decision_id"))
            return "explain", 200, _encoder.encode(found), _JSON, ()
        pairs = scope["query_string"].decode("latin-1").replace("+", " ").split("&")
        query = dict(pair.partition("=")[::2] for pair in pairs)
        features = door.features(raw.removeprefix(_FEATURES).split("/"), query)
        return "features", 200, _encoder.encode(features), _JSON, ()

    def _open(self, path: str) -> tuple[str, int, bytes, bytes, Any]:
        door = self._door
        assert door is not None
        if path == "/metrics":
            return "metrics", 200, door.meters.text(), door.meters.content_type.encode(), ()
        if path == "/openapi.json":
            return "openapi", 200, self._description(door), _JSON, ()
        if path == "/health":
            return "health", 200, b'{"alive":true}', _JSON, ()
        unready = door.unready()
        body = _encoder.encode({"ready": not unready, "problems": dict(unready)})
        return "ready", 503 if unready else 200, body, _JSON, ()

    def _description(self, door: HttpDoor) -> bytes:
        found = described(problems=door.problems, entities=door.entities.keys, limits=self._limits)
        return _encoder.encode(found)

    async def _live(self, receive: Receive, send: Send) -> None:
        await receive()
        try:
            async with self._lifespan() as self._door:
                await send({"type": "lifespan.startup.complete"})
                await receive()
        except Exception as error:
            _log.exception("scorer_did_not_start")
            await send({"type": "lifespan.startup.failed", "message": str(error)})
            return
        await send({"type": "lifespan.shutdown.complete"})


_OPEN = frozenset({"/health", "/ready", "/metrics", "/openapi.json"})


def _only(scope: Scope, method: str) -> None:
    given = scope["method"]
    if given != method and not (given == "HEAD" and method == "GET"):
        allowed = ((b"allow", method.encode()),)
        raise Refusal(405, "method_not_allowed", f"only {method} is answered here", headers=allowed)
