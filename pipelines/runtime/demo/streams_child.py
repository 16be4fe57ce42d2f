"""The demo's driver: a child process, started again when a drill has killed it."""

from collections.abc import Callable

from pipelines.runtime.demo.children import Child

KILLED = -9
_MOST_RESTARTS = 3


class StreamsChild:
    """A driver under the demo's eye. `forgiving`: a SIGKILL is part of the drill."""

    def __init__(self, start: Callable[[int], Child], *, forgiving: bool) -> None:
        self._start = start
        self._forgiving = forgiving
        self._child = start(0)
        self.restarts = 0

    def require_running(self) -> None:
        """Start it again after a drill's kill. Raises `ServiceError` when it has ended otherwise."""
        killed = self._child.exit_code == KILLED
        if killed and self._forgiving and self.restarts < _MOST_RESTARTS:
            self.restarts += 1
            self._child = self._start(self.restarts)
        self._child.require_running()

    def stop(self, *, grace_seconds: float) -> None:
        """SIGTERM, wait, then SIGKILL."""
        self._child.stop(grace_seconds=grace_seconds)
