"""A TCP relay in front of a real service, which a test can cut and restore."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager


class Relay:
    """Passes bytes from a port of its own to `target` while it is open."""

    def __init__(self, target: tuple[str, int]) -> None:
        self._target = target
        self._listener: socket.socket | None = None
        self._pipes: list[socket.socket] = []
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port: int = probe.getsockname()[1]

    def open(self) -> None:
        """Take connections from now on."""
        self._listener = socket.create_server(("127.0.0.1", self.port))
        threading.Thread(target=self._accept, args=(self._listener,), daemon=True).start()

    def cut(self) -> None:
        """Drop every connection and take no more."""
        if self._listener is not None:
            self._listener.shutdown(socket.SHUT_RDWR)
            self._listener.close()
            self._listener = None
        for pipe in self._pipes:
            with_errors_ignored(pipe.shutdown, socket.SHUT_RDWR)
            pipe.close()
        self._pipes.clear()

    def _accept(self, listener: socket.socket) -> None:
        while True:
            try:
                inner, _ = listener.accept()
            except OSError:
                return
            outer = socket.create_connection(self._target)
            self._pipes += [inner, outer]
            for source, sink in ((inner, outer), (outer, inner)):
                threading.Thread(target=_pump, args=(source, sink), daemon=True).start()


@contextmanager
def relay_to(host: str, port: int) -> Iterator[Relay]:
    """A relay, closed at first, cut at the end."""
    relay = Relay((host, port))
    try:
        yield relay
    finally:
        relay.cut()


def with_errors_ignored(action, *arguments) -> None:
    try:
        action(*arguments)
    except OSError:
        return


def _pump(source: socket.socket, sink: socket.socket) -> None:
    try:
        while data := source.recv(65536):
            sink.sendall(data)
    except OSError:
        return
    finally:
        with_errors_ignored(sink.shutdown, socket.SHUT_WR)
