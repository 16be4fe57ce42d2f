"""The browser's door: `POST /v1/events`, `GET /v1/clicklake.js`.

What is answered, and when, is said in docs/collector.md. An event counts as accepted only after the
broker has acknowledged it.
"""

import asyncio
import re
import uuid
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib import resources
from typing import Any

import structlog
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route

from serving.admission import BodyLimit, ClientRates
from serving.answers import Turned, judged, problem
from serving.event_producer import BrokerAway, EventProducer
from serving.incoming import Accepted, Caller, Refused, UnreadableBody, judge, read_events

_log = structlog.get_logger(__name__)
COOKIE = "clicklake_visitor"
_COOKIE_SECONDS = 365 * 86_400
_COOKIE_VALUE = re.compile(r"[A-Za-z0-9_.\-]{1,128}", re.ASCII)
_BODY_TYPES = frozenset({"", "application/json", "text/plain"})
_BODY_SECONDS = 10.0
_RETRY_SECONDS = 2
_SCRIPT_SECONDS = 300


@dataclass(frozen=True)
class Limits:
    """What one request and one client may send."""

    max_body_bytes: int
    max_batch_events: int
    events_per_second_per_client: int


class Collector:
    """Takes events from browsers to Kafka."""

    def __init__(self, *, producer: EventProducer, limits: Limits, cors_origins: Sequence[str]) -> None:
        self._producer = producer
        self._limits = limits
        self._origins = list(cors_origins)
        self._rates = ClientRates(
            per_second=limits.events_per_second_per_client,
            burst=max(2 * limits.events_per_second_per_client, limits.max_batch_events),
        )
        self._script = (resources.files("serving") / "browser" / "clicklake.js").read_bytes()
        self._broker_away = False
        self.counts: Counter[str] = Counter()
        """Events accepted, refused (by reason) and not acknowledged since the start."""

    def routes(self) -> list[Route]:
        """The two routes, open to the pages of `cors_origins`."""
        named = "*" not in self._origins
        cors = Middleware(
            CORSMiddleware,
            allow_origins=self._origins,
            allow_methods=["POST"],
            allow_headers=["content-type"],
            # Any origin may send, but only origins that are named may send with the cookie.
            allow_credentials=named,
            max_age=86_400,
        )
        limit = Middleware(BodyLimit, max_bytes=self._limits.max_body_bytes)
        return [
            Route("/v1/events", self._events, methods=["POST", "OPTIONS"], middleware=[cors, limit]),
            Route("/v1/clicklake.js", self._browser_script, methods=["GET"]),
        ]

    async def _browser_script(self, _request: Request) -> Response:
        headers = {
            "cache-control": f"public, max-age={_SCRIPT_SECONDS}",
            "cross-origin-resource-policy": "cross-origin",
            "x-content-type-options": "nosniff",
        }
        return Response(self._script, media_type="text/javascript", headers=headers)

    async def _events(self, request: Request) -> Response:
        if request.method == "OPTIONS":
            return Response(status_code=204, headers={"allow": "POST, OPTIONS"})
        try:
            self._admit(request)
            events = await _read(request)
            self._admit_events(request, len(events))
            return await self._take(request, events)
        except Turned as turned:
            return turned.response
        except ClientDisconnect:
            return Response(status_code=400)

    def _admit(self, request: Request) -> None:
        if not self._may_send(request):
            raise Turned(problem(403, "origin_not_allowed", "this page's origin is not in http.cors_origins"))
        self._take_tokens(request, 1)
        kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
        if kind not in _BODY_TYPES or "content-encoding" in request.headers:
            raise Turned(
                problem(415, "unsupported_media_type", "send application/json or text/plain, uncompressed")
            )

    def _admit_events(self, request: Request, count: int) -> None:
        if count > self._limits.max_batch_events:
            raise Turned(
                problem(413, "too_many_events", f"at most {self._limits.max_batch_events} in a request")
            )
        if count > 1:
            self._take_tokens(request, count - 1)

    def _take_tokens(self, request: Request, count: int) -> None:
        wait = self._rates.take(request.client.host if request.client else "", count)
        if wait:
            raise Turned(problem(429, "too_fast", f"try again in {wait} s", retry_after=wait))

    def _may_send(self, request: Request) -> bool:
        # A page that may not read the answer would send the same events again and again.
        origin = request.headers.get("origin")
        own = f"{request.url.scheme}://{request.headers.get('host')}"
        return origin is None or origin == own or "*" in self._origins or origin in self._origins

    async def _take(self, request: Request, events: list[Any]) -> Response:
        cookie = request.cookies.get(COOKIE, "")
        known = bool(_COOKIE_VALUE.fullmatch(cookie))
        visitor = cookie if known else _visitor_of(events)
        caller = Caller.of(
            visitor_id=visitor,
            address=request.client.host if request.client else None,
            user_agent=request.headers.get("user-agent"),
            referer=request.headers.get("referer"),
        )
        now = datetime.now(UTC)
        verdicts = [judge(event, index=index, caller=caller, now=now) for index, event in enumerate(events)]
        accepted = [item for item in verdicts if isinstance(item, Accepted)]
        refused = [item for item in verdicts if isinstance(item, Refused)]
        self.counts.update(f"refused:{item.reason}" for item in refused)
        if accepted and not await self._delivered(accepted):
            detail = "nothing is known to be stored: send all of it again"
            return problem(503, "broker_away", detail, retry_after=_RETRY_SECONDS)
        self.counts["accepted"] += len(accepted)
        response: Response = judged(accepted=len(accepted), refused=refused)
        if not known:
            _set_cookie(response, visitor, secure=request.url.scheme == "https")
        return response

    async def _delivered(self, accepted: list[Accepted]) -> bool:
        try:
            await self._producer.send(accepted)
        except BrokerAway as away:
            self.counts["not_acknowledged"] += len(accepted)
            if not self._broker_away:
                _log.warning("broker_away", why=str(away), effect="POST /v1/events answers 503")
            self._broker_away = True
            return False
        if self._broker_away:
            _log.info("broker_back")
        self._broker_away = False
        return True


def _visitor_of(events: list[Any]) -> str:
    """The id for a browser without our cookie: the one its script already uses, else a new one."""
    for event in events:
        given = event.get("visitor_id") if isinstance(event, dict) else None
        if isinstance(given, str) and _COOKIE_VALUE.fullmatch(given):
            return given
    return uuid.uuid4().hex


async def _read(request: Request) -> list[Any]:
    try:
        async with asyncio.timeout(_BODY_SECONDS):
            return read_events(await request.body())
    except UnreadableBody as broken:
        raise Turned(problem(400, "unreadable_body", broken.detail)) from None
    except TimeoutError:
        detail = f"the body took longer than {_BODY_SECONDS:g} s"
        raise Turned(problem(408, "body_too_slow", detail)) from None


def _set_cookie(response: Response, visitor: str, *, secure: bool) -> None:
    response.set_cookie(
        COOKIE, visitor, max_age=_COOKIE_SECONDS, path="/", secure=secure, httponly=True, samesite="lax"
    )
