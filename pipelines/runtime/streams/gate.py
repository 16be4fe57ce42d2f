"""What lets a query's batches through, until it is shut to drain the query."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager


class Gate:
    """Lets a query's batches through until it is shut; a batch that has begun ends undisturbed."""

    def __init__(self) -> None:
        self._passing = threading.Lock()
        self._is_shut = threading.Event()
        self.has_refused = False

    @contextmanager
    def passing(self) -> Iterator[None]:
        """The time of one batch. Raises `Draining` when the gate is shut."""
        with self._passing:
            if self._is_shut.is_set():
                self.has_refused = True
                raise Draining
            yield

    def shut(self, *, wait_seconds: float) -> None:
        """Let no further batch begin, and wait for the one that has."""
        self._is_shut.set()
        if self._passing.acquire(timeout=wait_seconds):
            self._passing.release()


class Draining(Exception):  # noqa: N818 - it ends a batch that has not begun, nothing is wrong
    """The query is being stopped; the batch will be processed after the next start."""
