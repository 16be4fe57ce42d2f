"""Ports on this machine: the usual one where it is free, else another."""

import socket
from collections.abc import Iterable

LOCALHOST = "127.0.0.1"


def is_free(port: int) -> bool:
    """Whether a server could listen on `port` of the loopback interface now."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as candidate:
        candidate.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            candidate.bind((LOCALHOST, port))
            candidate.listen(1)
        except OSError:
            return False
    return True


def choose(*, preferred: Iterable[int], taken: frozenset[int] = frozenset()) -> int:
    """The first of `preferred` that is free and not in `taken`, else any free port."""
    for port in preferred:
        if port not in taken and is_free(port):
            return port
    while (port := _any_free()) in taken:
        continue
    return port


def _any_free() -> int:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as candidate:
        candidate.bind((LOCALHOST, 0))
        return int(candidate.getsockname()[1])


def accepts(host: str, port: int, *, timeout_seconds: float = 1.0) -> bool:
    """Whether something accepts TCP connections there."""
    try:
        with socket.create_connection((host, port), timeout=timeout_seconds):
            return True
    except OSError:
        return False
