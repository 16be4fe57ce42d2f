"""Runs the application: one uvicorn process on the wanted port, or on a free one."""

import signal
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any, Protocol

import uvicorn
from starlette.types import Receive, Scope, Send

from pipelines.errors import PrerequisiteError, ServiceError

_GRACE_SECONDS = 2
_START_SECONDS = 10.0
_BACKLOG = 2048
_CONCURRENCY = 1000


class Application(Protocol):
    """An ASGI application that says, in its `state`, how its endless streams are ended."""

    state: Any

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer."""


class _Server(uvicorn.Server):
    """Uvicorn, telling when it is ready to answer."""

    def __init__(self, config: uvicorn.Config, end_streams: Callable[[], None]) -> None:
        super().__init__(config)
        self._end_streams = end_streams
        self.ready = threading.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start listening."""
        await super().startup(sockets)
        self.ready.set()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """End the streams of the live page first: they would never end by themselves."""
        self._end_streams()
        await super().shutdown(sockets)


def listen(*, host: str, port: int) -> socket.socket:
    """A socket that listens on the port, or on a free one when that is held.

    Who connects from now on is answered once the server runs: the address may be told at once.
    Raises `PrerequisiteError` when the host is not of this machine or the port may not be used.
    """
    try:
        family, _, _, _, _ = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    except OSError as error:
        raise PrerequisiteError(f"http.host `{host}` cannot be looked up ({error}): correct it.") from None
    try:
        return _bound(family, host, port)
    except OSError:
        pass
    try:
        return _bound(family, host, 0)
    except OSError as error:
        raise PrerequisiteError(
            f"http.host `{host}` cannot be listened on ({error.strerror}): set an address of this machine."
        ) from None


def url_of(bound: socket.socket) -> str:
    """The address to open in a browser."""
    host, port = bound.getsockname()[:2]
    shown = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(host, f"[{host}]" if ":" in host else host)  # noqa: S104
    return f"http://{shown}:{port}/"


def serve(app: Application, *, bound: socket.socket) -> None:
    """Answer until the process is told to end (Ctrl-C, SIGTERM); then `SystemExit(0)`."""
    # Uvicorn ends cleanly on these signals and then raises them once more, for these handlers.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _leave)
    _server(app).run(sockets=[bound])


@contextmanager
def serving(app: Application, *, bound: socket.socket) -> Iterator[str]:
    """Answer from a thread of this process; gives the URL once it is ready. Raises `ServiceError`."""
    server = _server(app)
    thread = threading.Thread(target=server.run, args=([bound],), name="web", daemon=True)
    thread.start()
    try:
        if not server.ready.wait(_START_SECONDS):
            raise ServiceError(f"The web server gave no answer in {_START_SECONDS:g} s; see the log.")
        yield url_of(bound)
    finally:
        server.should_exit = True
        thread.join(_GRACE_SECONDS + 8)


def _leave(_number: int, _frame: FrameType | None) -> None:
    raise SystemExit(0)


def _bound(family: int, host: str, port: int) -> socket.socket:
    candidate = socket.socket(family, socket.SOCK_STREAM)
    candidate.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        candidate.bind((host, port))
        candidate.listen(_BACKLOG)
    except OSError:
        candidate.close()
        raise
    return candidate


def _server(app: Application) -> _Server:
    config = uvicorn.Config(
        app,
        loop="uvloop",
        http="httptools",
        ws="none",
        log_config=None,
        access_log=False,
        server_header=False,
        limit_concurrency=_CONCURRENCY,
        timeout_graceful_shutdown=_GRACE_SECONDS,
        lifespan="on",
    )
    return _Server(config, app.state.end_streams)
