"""What the supervisor gives up for good, and that all else goes on."""

import pytest

from pipelines.connectors.names import CLEAN_SILVER, LAND_BRONZE
from pipelines.errors import ClicklakeError, LakeError
from pipelines.runtime.streams.supervisor import ATTEMPTS

GIVEN_UP = "given up after faults that no restart mends: "


class TestPoison:
    def fail_again_and_again(self, stage, name, batches, error):
        for n, batch in enumerate(batches, start=1):
            yield from stage.until_started(name, n)
            stage.fail_batch(name, batch, error)
            yield

    def test_a_batch_that_fails_too_often_stops_its_query_and_no_other(self, stage):
        def script():
            yield from self.fail_again_and_again(stage, CLEAN_SILVER, [7] * ATTEMPTS, ValueError("odd"))
            beats = stage.told.beats.count(LAND_BRONZE)
            for _ in range(200):
                yield
            assert stage.told.beats.count(LAND_BRONZE) == beats + 200
            assert stage.newest(LAND_BRONZE).query.isActive

        said = f"{GIVEN_UP}{CLEAN_SILVER}: batch 7 failed {ATTEMPTS} times, at last: ValueError: odd"
        with pytest.raises(ClicklakeError) as raised:
            stage.play(script())
        assert str(raised.value) == said
        assert raised.value.exit_code == 1
        assert len(stage.started[CLEAN_SILVER]) == ATTEMPTS
        states = {name: stage.told.of(name)[-1].state for name in (LAND_BRONZE, CLEAN_SILVER)}
        assert states == {LAND_BRONZE: "stopped", CLEAN_SILVER: "failed"}

    def test_other_batches_do_not_count(self, stage):
        batches = [3] * (ATTEMPTS - 1) + [4] * (ATTEMPTS - 1) + [5]

        def script():
            yield from self.fail_again_and_again(stage, CLEAN_SILVER, batches, ValueError())
            yield from stage.until_started(CLEAN_SILVER, len(batches) + 1)

        stage.play(script())
        assert stage.told.of(CLEAN_SILVER)[-1].last_error == "ValueError"

    def test_a_committed_batch_forgives_and_an_empty_trigger_does_not(self, stage):
        def script():
            for n in range(1, 3 * ATTEMPTS):
                stage.fail_batch(CLEAN_SILVER, 7, ValueError())
                yield from stage.until_started(CLEAN_SILVER, n + 1)
                stage.commit(CLEAN_SILVER, 7)
                yield
            stage.newest(CLEAN_SILVER).progress.committed = None
            for n in range(3 * ATTEMPTS, 4 * ATTEMPTS - 1):
                stage.newest(CLEAN_SILVER).query.lastProgress = {}
                yield
                stage.fail_batch(CLEAN_SILVER, 8, ValueError())
                yield from stage.until_started(CLEAN_SILVER, n + 1)
            stage.fail_batch(CLEAN_SILVER, 8, ValueError())
            yield

        with pytest.raises(ClicklakeError, match="batch 8 failed 5 times"):
            stage.play(script())


class TestWhatNoRestartMends:
    LOSS = "[KAFKA_DATA_LOSS.PARTITION_OFFSET_CHANGED] Some data may have been lost"

    def test_a_lake_that_is_not_in_order_at_the_start(self, stage):
        stage.refuse[CLEAN_SILVER] = [LakeError("the checkpoint is gone")]

        def script():
            for _ in range(200):
                yield
            assert stage.newest(LAND_BRONZE).query.isActive

        with pytest.raises(ClicklakeError, match=f"^{GIVEN_UP}{CLEAN_SILVER}: the checkpoint is gone$"):
            stage.play(script())
        assert not stage.started[CLEAN_SILVER]
        assert stage.told.of(LAND_BRONZE)[-1].state == "stopped"

    def test_a_lake_that_is_not_in_order_at_a_restart(self, stage):
        def script():
            stage.refuse[CLEAN_SILVER] = [LakeError("the checkpoint is gone")]
            stage.fail_outside(CLEAN_SILVER)
            for _ in range(200):
                yield

        with pytest.raises(ClicklakeError, match="the checkpoint is gone"):
            stage.play(script())
        assert len(stage.started[CLEAN_SILVER]) == 1

    @pytest.mark.parametrize(
        "error",
        [
            LakeError("a table is gone"),
            Exception(f"An error occurred while calling o1.toArrow.\n: {LOSS}\n\tat java.base"),
        ],
    )
    def test_within_a_batch(self, stage, error):
        def script():
            stage.fail_batch(LAND_BRONZE, 7, error)
            for _ in range(200):
                yield

        with pytest.raises(ClicklakeError, match=r"table is gone|KAFKA_DATA_LOSS"):
            stage.play(script())
        assert len(stage.started[LAND_BRONZE]) == 1

    def test_records_that_kafka_has_deleted(self, stage):
        def script():
            stage.fail_outside(LAND_BRONZE, f"{self.LOSS}\n=== Streaming Query ===\nIdentifier: x")
            for _ in range(200):
                yield

        with pytest.raises(ClicklakeError) as raised:
            stage.play(script())
        assert str(raised.value) == f"{GIVEN_UP}{LAND_BRONZE}: {self.LOSS}"

    def test_the_run_ends_by_itself_when_all_are_given_up(self, stage):
        def script():
            for name in (LAND_BRONZE, CLEAN_SILVER):
                stage.fail_batch(name, 1, LakeError(f"no table for {name}"))
            yield
            raise AssertionError("it goes on without a query")

        with pytest.raises(ClicklakeError, match=f"no table for {LAND_BRONZE}.*no table for {CLEAN_SILVER}"):
            stage.play(script())

    def test_the_run_ends_when_spark_has_ended(self, stage):
        def script():
            for name in (LAND_BRONZE, CLEAN_SILVER):
                del stage.newest(name).query.lastProgress, stage.newest(name).query.isActive
            stage.spark_is_up = False
            yield
            raise AssertionError("it goes on without Spark")

        with pytest.raises(ClicklakeError, match="Spark itself has ended"):
            stage.play(script())
        assert {one.state for one in stage.told.states[-2:]} == {"failed"}
