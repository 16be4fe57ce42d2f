"""Who may ask, and how much: keys, a rate for each caller, and how long and slow a body may be."""

import asyncio
import hmac
from collections.abc import Mapping
from dataclasses import dataclass

from starlette.types import Receive, Scope

from serving.admission import ClientRates
from serving.doors.http.bodies import Refusal

_CLOSE = ((b"connection", b"close"),)
_CHALLENGE = ((b"www-authenticate", b"Bearer"),)
Headers = Mapping[bytes, bytes]


@dataclass(frozen=True)
class Limits:
    """What one request and one caller may ask for. `api_keys`: none lets everybody ask."""

    max_body_bytes: int
    max_batch: int
    body_seconds: float
    decisions_per_second: float
    api_keys: tuple[str, ...] = ()


class Gone(Exception):  # noqa: N818 - nobody is left to answer
    """The caller went away."""


class Admission:
    """Raises `Refusal` for whom and for what is not let in."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._keys = [key.encode() for key in limits.api_keys]
        burst = max(2 * limits.decisions_per_second, limits.max_batch)
        self._rates = ClientRates(per_second=limits.decisions_per_second, burst=burst)

    def admit(self, scope: Scope, headers: Headers) -> None:
        """Let one request in: 401 without a key, 429 above the rate."""
        if self._keys and self._key_number(headers) is None:
            detail = "send a key as X-API-Key, or as a bearer token"
            raise Refusal(401, "unauthorized", detail, headers=_CHALLENGE)
        self.take(scope, headers, 1)

    def take(self, scope: Scope, headers: Headers, decisions: int) -> None:
        """Count against what the caller may ask for: a key's holder, or else an address."""
        number = self._key_number(headers) if self._keys else None
        client = scope.get("client")
        caller = f"key {number}" if number is not None else client[0] if client else ""
        wait = self._rates.take(caller, decisions)
        if wait:
            again = ((b"retry-after", b"%d" % wait),)
            raise Refusal(429, "too_fast", f"try again in {wait} s", headers=again)

    async def body(self, headers: Headers, receive: Receive) -> bytes:
        """The whole body: 413 when it is too long, 408 when it takes too long. Raises `Gone`, too."""
        declared = headers.get(b"content-length", b"")
        if declared.isdigit() and int(declared[:20]) > self._limits.max_body_bytes:
            raise self._too_large()
        try:
            async with asyncio.timeout(self._limits.body_seconds):
                return await self._read(receive)
        except TimeoutError:
            detail = f"the body did not arrive within {self._limits.body_seconds:g} s"
            raise Refusal(408, "too_slow", detail, headers=_CLOSE) from None

    async def _read(self, receive: Receive) -> bytes:
        body: bytes = b""
        while True:
            message = await receive()
            if message["type"] == "http.disconnect":
                raise Gone
            body += message.get("body", b"")
            if len(body) > self._limits.max_body_bytes:
                raise self._too_large()
            if not message.get("more_body", False):
                return body

    def _key_number(self, headers: Headers) -> int | None:
        """Which key the caller has; each is compared, in a time that tells nothing of how near it was."""
        given = headers.get(b"x-api-key", b"")
        if not given:
            scheme, _, token = headers.get(b"authorization", b"").partition(b" ")
            given = token.strip() if scheme.lower() == b"bearer" else b""
        same = [hmac.compare_digest(given, key) for key in self._keys]
        return same.index(True) if True in same else None

    def _too_large(self) -> Refusal:
        # The rest of the body is not read, so the connection cannot be used again.
        detail = f"at most {self._limits.max_body_bytes} bytes"
        return Refusal(413, "body_too_large", detail, headers=_CLOSE)
