"""From a thread into the loop: calls that are made there one after the other, in the order of telling."""

import asyncio
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import suppress
from typing import Any, TypeVar

_ANSWER_SECONDS = 5.0
T = TypeVar("T")


class Crossing:
    """`queue`, called in the loop's thread, takes what is to be called; it keeps the order."""

    def __init__(self, loop: asyncio.AbstractEventLoop, queue: Callable[[Callable[[], Any]], None]) -> None:
        self._loop = loop
        self._queue = queue

    def tell(self, call: Callable[[], Any]) -> None:
        """Have it called, soon."""
        with suppress(RuntimeError):  # the loop has ended
            self._loop.call_soon_threadsafe(self._queue, call)

    def asked(self, question: Callable[[], T], *, default: T) -> T:
        """What it answers, after all that was told before; the default when the loop has ended or hangs."""
        answer: Future[T] = Future()
        self.tell(lambda: answer.set_result(question()))
        try:
            return answer.result(_ANSWER_SECONDS)
        except TimeoutError:
            return default
