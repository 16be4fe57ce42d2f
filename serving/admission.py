"""Who may send how much: a byte limit on bodies, and a token bucket per client."""

import ipaddress
import math
import time
from collections import OrderedDict
from collections.abc import Callable

from starlette.datastructures import Headers
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

_IPV6_NETWORK_BITS = 64


class _BodyTooLarge(Exception):  # noqa: N818 - never leaves this module
    """More bytes arrived than the limit allows."""


class BodyLimit:
    """Answers 413 as soon as a request's body is, or says it is, longer than `max_bytes`."""

    def __init__(self, app: ASGIApp, *, max_bytes: int) -> None:
        self._app = app
        self._max_bytes = max_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, counting the bytes of its body."""
        declared = Headers(scope=scope).get("content-length", "") if scope["type"] == "http" else ""
        if declared.isdecimal() and int(declared[:20]) > self._max_bytes:
            await self._refuse(scope, receive, send)
            return
        try:
            await self._app(scope, self._counted(receive), send)
        except _BodyTooLarge:
            await self._refuse(scope, receive, send)

    def _counted(self, receive: Receive) -> Receive:
        seen = 0

        async def count() -> Message:
            nonlocal seen
            message = await receive()
            seen += len(message.get("body", b""))
            if seen > self._max_bytes:
                raise _BodyTooLarge
            return message

        return count

    async def _refuse(self, scope: Scope, receive: Receive, send: Send) -> None:
        answer = {"error": "body_too_large", "limit_bytes": self._max_bytes}
        # The rest of the body is not read, so the connection cannot be used again.
        response = JSONResponse(answer, status_code=413, headers={"connection": "close"})
        await response(scope, receive, send)


class ClientRates:
    """A token bucket per client: `per_second` events on the long run, `burst` at once.

    Remembers at most `max_clients`; the one not heard of for longest is forgotten first. Addresses of
    one IPv6 /64 network are one client.
    """

    def __init__(
        self,
        *,
        per_second: float,
        burst: float,
        max_clients: int = 10_000,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._per_second = per_second
        self._burst = burst
        self._max_clients = max_clients
        self._clock = clock
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def __len__(self) -> int:
        return len(self._buckets)

    def take(self, address: str, events: int = 1) -> int:
        """Take `events` tokens: 0 when there were enough, else the seconds to wait, from 1 on."""
        now = self._clock()
        client = _client(address)
        tokens, at = self._buckets.pop(client, (self._burst, now))
        tokens = min(self._burst, tokens + (now - at) * self._per_second)
        enough = tokens >= events
        self._buckets[client] = (tokens - events if enough else tokens, now)
        if len(self._buckets) > self._max_clients:
            self._buckets.popitem(last=False)
        return 0 if enough else max(1, math.ceil((events - tokens) / self._per_second))


def _client(address: str) -> str:
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return address
    if isinstance(parsed, ipaddress.IPv4Address):
        return address
    return str(ipaddress.ip_network((int(parsed), _IPV6_NETWORK_BITS), strict=False))
