"""Signals that ask a process to end."""

import signal
import threading
from types import FrameType


def stop_on(*signals: signal.Signals) -> threading.Event:
    """An event that is set once one of the signals has come; call it in the main thread."""
    stop = threading.Event()

    def handle(_number: int, _frame: FrameType | None) -> None:
        stop.set()

    for one in signals:
        signal.signal(one, handle)
    return stop
