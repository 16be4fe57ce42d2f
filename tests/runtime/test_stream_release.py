"""A run of a query that has ended lets go of the connections of its process, whatever ended it."""

from pipelines.connectors.names import LAND_BRONZE
from pipelines.runtime.streams.gate import Gate
from pipelines.runtime.streams.streaming import (
    BatchContext,
    Progress,
    RunningStream,
    StreamSpec,
    _Batches,
)
from tests.runtime.stage import Query


class Holding:
    """A process that holds something, and may not be able to let it go."""

    def __init__(self, error: Exception | None = None) -> None:
        self.closed = 0
        self._error = error

    def __call__(self, batch: object, context: BatchContext) -> None:
        return None

    def close(self) -> None:
        self.closed += 1
        if self._error is not None:
            raise self._error


def batches(process):
    spec = StreamSpec(LAND_BRONZE, None, (), lambda: process, 1)
    return _Batches(spec, None, Progress({}), None, lambda: "id")


def test_what_a_process_holds_is_closed_and_a_failure_of_that_is_passed_over():
    held, broken = Holding(), Holding(RuntimeError("gone"))
    batches(held).release()
    batches(broken).release()
    assert (held.closed, broken.closed) == (1, 1)
    batches(lambda batch, context: None).release()


def test_a_drained_query_is_released():
    held = Holding()
    spec = StreamSpec(LAND_BRONZE, None, (), lambda: held, 1)
    stream = RunningStream(Query(LAND_BRONZE), spec, Gate(), Progress({}), batches(held).release)
    stream.drain(wait_seconds=1)
    assert held.closed == 1


def test_a_query_that_failed_is_released_before_its_next_run(stage):
    released = []

    def script():
        stage.newest(LAND_BRONZE).__dict__["release"] = lambda: released.append(
            len(stage.started[LAND_BRONZE])
        )
        stage.fail_outside(LAND_BRONZE)
        yield from stage.until_started(LAND_BRONZE, 2)

    stage.play(script())
    assert released == [1]
