"""Signals that ask a process to end."""

import signal
import threading
from types import FrameType
from typing import Any


def stop_on(*signals: signal.Signals) -> threading.Event:
    """An event that is set once one of the signals has come; call it in the main thread.

    The second signal has its usual effect: who is in a hurry asks twice.
    """
    stop = threading.Event()
    before: dict[int, Any] = {}

    def handle(number: int, _frame: FrameType | None) -> None:
        stop.set()
        signal.signal(number, before[number])

    for one in signals:
        before[one.value] = signal.signal(one, handle)
    return stop
