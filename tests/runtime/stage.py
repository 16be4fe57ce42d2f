"""Hand-made streams under a real supervisor: a script makes them fail, and time passes by the script."""

from collections import defaultdict
from collections.abc import Callable, Iterator
from types import SimpleNamespace

from pyspark.errors import StreamingQueryException

from pipelines.connectors.names import CLEAN_SILVER, LAND_BRONZE, Names
from pipelines.runtime.streams import supervisor
from pipelines.runtime.streams.gate import Gate
from pipelines.runtime.streams.streaming import Progress, RunningStream, StreamSpec
from pipelines.runtime.watching.reports import QueryState

ROUND_SECONDS = 0.5
BROKER_AWAY = "org.apache.kafka.common.errors.TimeoutException: Timed out waiting for a node assignment."
FROM_PYTHON = (
    "An exception was raised by the Python Proxy. Return Message: Traceback (most recent call last):"
)


class Query:
    """What the supervisor uses of Spark's `StreamingQuery`."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.isActive = True
        self.lastProgress = None
        self.ended: Exception | None = None
        self.stops: Callable[[], None] = lambda: None

    def exception(self) -> Exception | None:
        return self.ended

    def stop(self) -> None:
        self.stops()
        self.isActive = False

    def end(self, text: str | None = None) -> None:
        self.isActive = False
        self.ended = None if text is None else StreamingQueryException(message=text)


class Listener:
    """Keeps what a `MetricsWriter` is told."""

    def __init__(self) -> None:
        self.states: list[QueryState] = []
        self.beats: list[str] = []

    def state(self, told: QueryState) -> None:
        self.states.append(told)

    def beat(self, query: str) -> None:
        self.beats.append(query)

    def of(self, query: str) -> list[QueryState]:
        return [one for one in self.states if one.query == query]


class Stage:
    """Two queries under supervision. `refuse[name]` holds what their next starts raise."""

    def __init__(self, monkeypatch, names: Names) -> None:
        self.now = 0.0
        self.spark_is_up = True
        self.round_seconds = ROUND_SECONDS
        self.refuse: dict[str, list[Exception]] = defaultdict(list)
        self.started: dict[str, list[RunningStream]] = defaultdict(list)
        self.told = Listener()
        self.specs = [StreamSpec(name, None, (), lambda: None, 1) for name in (LAND_BRONZE, CLEAN_SILVER)]
        monkeypatch.setattr(supervisor, "start_stream", self._start)
        monkeypatch.setattr(supervisor, "is_up", lambda _: self.spark_is_up)
        monkeypatch.setattr(supervisor, "time", SimpleNamespace(monotonic=lambda: self.now))
        self.supervisor = supervisor.Supervisor(None, self.specs, names, self.told)

    def _start(self, _spark, spec, _names, _metrics, *, available_now):
        assert not available_now
        if self.refuse[spec.name]:
            raise self.refuse[spec.name].pop(0)
        stream = RunningStream(Query(spec.name), spec, Gate(), Progress({}))
        self.started[spec.name].append(stream)
        return stream

    def play(self, script: Iterator[None]) -> None:
        """Start and run; each `yield` of the script is a round of the supervisor, its end is SIGTERM."""
        self.supervisor.start()
        self.supervisor.run(self.stop_after(script))

    def stop_after(self, script: Iterator[None]) -> SimpleNamespace:
        def wait(_seconds: float) -> bool:
            self.now += self.round_seconds
            return next(script, "ended") == "ended"

        return SimpleNamespace(wait=wait)

    def newest(self, name: str) -> RunningStream:
        return self.started[name][-1]

    def fail_outside(self, name: str, text: str = BROKER_AWAY) -> None:
        self.newest(name).query.end(text)

    def fail_batch(self, name: str, batch: int, error: BaseException) -> None:
        stream = self.newest(name)
        stream.progress.began, stream.progress.error = batch, error
        stream.query.end(FROM_PYTHON)

    def commit(self, name: str, batch: int) -> None:
        stream = self.newest(name)
        stream.progress.began = stream.progress.committed = batch

    def until_started(self, name: str, times: int) -> Iterator[None]:
        """Rounds until the query has been started so often."""
        for _ in range(10_000):
            if len(self.started[name]) >= times:
                return
            yield
        raise AssertionError(f"{name} was started {len(self.started[name])} times, not {times}")
