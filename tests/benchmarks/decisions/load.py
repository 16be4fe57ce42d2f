"""A load of HTTP requests over kept connections, in a process of its own; prints one JSON object.

Closed: each connection asks again as soon as it was answered, which gives the highest rate. Open, with
`--rate`: requests are due at fixed times, whatever became of those before, and a latency counts from when
its request was due, so that a server that pauses cannot hide it: G. Tene, How not to measure latency.
"""

import argparse
import asyncio
import json
import sys
import time
from itertools import cycle
from pathlib import Path
from urllib.parse import urlsplit

import numpy as np
import uvloop

_END = b"\r\n\r\n"
_LENGTH = b"content-length:"


class Connection(asyncio.Protocol):
    """One kept connection: a request, its answer, the next."""

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._answered: asyncio.Future[int] | None = None
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """It is open."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def ask(self, request: bytes) -> "asyncio.Future[int]":
        """Send; the status of the answer."""
        assert self._transport is not None
        self._answered = asyncio.get_running_loop().create_future()
        self._transport.write(request)
        return self._answered

    def data_received(self, data: bytes) -> None:
        """Look whether the answer is whole."""
        self._buffer += data
        end = self._buffer.find(_END)
        if end < 0:
            return
        head = bytes(self._buffer[:end]).lower()
        start = head.index(_LENGTH) + len(_LENGTH)
        length = int(head[start:].partition(b"\r\n")[0])
        if len(self._buffer) >= end + len(_END) + length:
            status = int(head[9:12])
            self._buffer.clear()
            if self._answered and not self._answered.done():
                self._answered.set_result(status)

    def connection_lost(self, exc: Exception | None) -> None:
        """An answer that was due does not come."""
        if self._answered and not self._answered.done():
            self._answered.set_result(0)


def requests_of(url: str, bodies: list[bytes]) -> list[bytes]:
    """The requests, ready to be sent."""
    parts = urlsplit(url)
    head = (
        f"POST {parts.path or '/'} HTTP/1.1\r\nhost: {parts.netloc}\r\ncontent-type: application/json\r\n"
        "content-length: "
    ).encode()
    return [head + str(len(body)).encode() + _END + body for body in bodies]


async def drive(
    url: str, requests: list[bytes], *, connections: int, seconds: float, rate: float | None
) -> dict[str, float]:
    """Rate, latencies in ms, and answers that were no success."""
    loop = asyncio.get_running_loop()
    parts = urlsplit(url)
    host, port = parts.hostname or "", parts.port or 80
    asked, took, failed = cycle(requests), list[float](), 0
    began = time.perf_counter()
    due = iter(range(1 << 62))

    async def one() -> None:
        nonlocal failed
        _, connection = await loop.create_connection(Connection, host, port)
        while (now := time.perf_counter()) - began < seconds:
            since = now if rate is None else began + next(due) / rate
            if since > now:
                await asyncio.sleep(since - now)
            status = await connection.ask(next(asked))
            took.append(time.perf_counter() - since)
            failed += not 200 <= status < 300

    await asyncio.gather(*(one() for _ in range(connections)))
    elapsed = time.perf_counter() - began
    p50, p99 = np.percentile(np.array(took) * 1_000, [50, 99])
    return {
        "requests": len(took),
        "rps": round(len(took) / elapsed, 1),
        "p50_ms": round(float(p50), 3),
        "p99_ms": round(float(p99), 3),
        "failed": failed,
    }


def main() -> None:
    """Load a server and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("url")
    parser.add_argument("bodies", type=Path, help="one JSON body a line")
    parser.add_argument("--connections", type=int, default=8)
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--rate", type=float, help="requests a second; without it, as many as are answered")
    options = parser.parse_args()
    requests = requests_of(options.url, options.bodies.read_bytes().splitlines())
    figures = uvloop.run(
        drive(
            options.url,
            requests,
            connections=options.connections,
            seconds=options.seconds,
            rate=options.rate,
        )
    )
    sys.stdout.write(json.dumps(figures) + "\n")


if __name__ == "__main__":
    main()
