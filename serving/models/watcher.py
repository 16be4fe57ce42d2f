"""The thread that follows the registry, so that the loop never waits for it."""

import threading
import time
from collections.abc import Callable, Mapping
from functools import partial

import structlog

from pipelines.errors import ClicklakeError
from pipelines.gold.problems.problem import Problem
from serving.models.cache import ChampionCache
from serving.models.diary import Diary
from serving.models.following import Following
from serving.models.live import LiveModels, Serving
from serving.models.source import ModelSource, Outline

_STOP_SECONDS = 5.0

_log = structlog.get_logger(__name__)


def wall_micros() -> int:
    """Now, UTC microseconds."""
    return time.time_ns() // 1_000


class ModelWatcher:
    """Asks the registry every `poll_seconds` who is champion, and loads what changed in its own thread.

    `deliver` runs a function in the loop's thread, as `loop.call_soon_threadsafe` does. `shadows`: how many
    models of a problem score beside its champion.
    """

    def __init__(
        self,
        source: ModelSource,
        live: LiveModels,
        *,
        problems: Mapping[str, Problem],
        cache: ChampionCache,
        deliver: Callable[[Callable[[], None]], object],
        poll_seconds: float,
        shadows: int,
        now: Callable[[], int] = wall_micros,
    ) -> None:
        self._source = source
        self._live = live
        self._deliver = deliver
        self._poll_seconds = poll_seconds
        self._now = now
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="models", daemon=True)
        self._followings = [
            Following(
                problem,
                source=source,
                cache=cache,
                shadows=shadows,
                diary=Diary(problem.name, tell=live.tell),
                publish=self._publish,
            )
            for problem in problems.values()
        ]

    def start(self) -> None:
        """Put what the cache has in place, at once; then watch. Called in the loop's thread."""
        for one in self._followings:
            self._live.take_over(one.start(at=self._now()))
        self._thread.start()

    def stop(self) -> None:
        """Ask nothing any more. What serves stays."""
        self._stopped.set()
        self._thread.join(_STOP_SECONDS)

    def look(self) -> None:
        """Ask the registry once, and do as it says."""
        at = self._now()
        try:
            outlines = self._source.outlines()
        except Exception as error:
            for one in self._followings:
                one.diary.failed(_sentence(error))
            return
        for one in self._followings:
            _follow(one, outlines.get(one.problem.name), at=at)

    def _watch(self) -> None:
        while not self._stopped.is_set():
            self.look()
            self._stopped.wait(self._poll_seconds)

    def _publish(self, serving: Serving) -> None:
        self._deliver(partial(self._live.take_over, serving))


def _follow(following: Following, outline: Outline | None, *, at: int) -> None:
    try:
        following.follow(outline, at=at)
    except Exception as error:
        following.diary.failed(_sentence(error))


def _sentence(error: Exception) -> str:
    """Why a look failed. What nobody thought of must not end the watch, nor be lost."""
    if isinstance(error, ClicklakeError):
        return str(error)
    _log.error("a look at the models failed", exc_info=error)
    return f"The models cannot be followed: {type(error).__name__}, see the scorer's log."
