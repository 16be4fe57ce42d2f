"""Swaps beside a loop that decides, and a watch that nothing ends."""

import asyncio
import threading
import time

import pytest

from serving.scoring.known import Stale
from tests.serving.models.conftest import Watched
from tests.serving.models.graphs import KNOWN, PROBLEM, telling

SWAPS = 20
DECISIONS = 1_000


def decided(watched) -> tuple[int, float]:
    """A decision as the scorer makes it: it takes what serves once."""
    serving = watched.live.of(PROBLEM.name)
    champion = serving.champion
    said = [one.probability(KNOWN) * 64 for one in serving.shadows]
    assert said == [one.version for one in serving.shadows]
    assert champion.version not in said
    return champion.version, champion.probability(KNOWN) * 64


async def deciding(watched, registry) -> list[tuple[int, float]]:
    """Decisions in the loop's thread, while another promotes and the watcher swaps."""
    made = [decided(watched)]

    def promote() -> None:
        for version in range(1, SWAPS + 1):
            until = time.monotonic() + 10
            while made[-1][0] != version and time.monotonic() < until:
                time.sleep(0.001)
            registry.promote(version + 1)

    promoting = threading.Thread(target=promote)
    promoting.start()
    while made[-1][0] != SWAPS + 1 or len(made) < DECISIONS:
        made.append(decided(watched))
        await asyncio.sleep(0)
    promoting.join()
    return made


def test_no_decision_fails_or_is_mixed_while_models_are_swapped(registry, tmp_path):
    for version in range(1, SWAPS + 2):
        registry.register(f"model {version}", telling(version))
    registry.promote(1)

    async def run():
        watched = Watched(registry, tmp_path, deliver=asyncio.get_running_loop().call_soon_threadsafe)
        watched.look()
        watched.watcher.start()
        try:
            await asyncio.sleep(0)
            return watched, await asyncio.wait_for(deciding(watched, registry), 30)
        finally:
            watched.watcher.stop()

    watched, made = asyncio.run(run())
    assert len(made) >= DECISIONS
    assert all(version == said for version, said in made)
    assert {version for version, _ in made} == set(range(1, SWAPS + 2))
    assert [one.version for one in watched.told.swaps] == list(range(1, SWAPS + 2))


def test_a_silent_mlflow_keeps_nobody_from_saying_so(registry, watched):
    registry.promote(registry.register("a", telling(1)))
    watched.look(2)
    silent, asked = threading.Event(), threading.Event()

    def outlines():
        asked.set()
        silent.wait(10)
        return {}

    registry.outlines = outlines
    watched.watcher.start()
    try:
        assert asked.wait(5)
        watched.now += 5_000_001
        assert watched.stale == (Stale("mlflow", 5_000),)
        assert watched.told.age_micros(watched.now) == 5_000_001
        assert decided(watched) == (1, 1.0)
    finally:
        silent.set()
        watched.watcher.stop()


def test_a_fault_in_one_look_does_not_end_the_watch(registry, watched):
    registry.promote(registry.register("a", telling(1)))
    versions, looked = registry.versions, threading.Event()

    def faulty(problem, outline):
        registry.versions = versions
        looked.set()
        raise RuntimeError("nobody thought of this")

    registry.versions = faulty
    watched.watcher.start()
    try:
        assert looked.wait(5)
        until = time.monotonic() + 5
        while watched.champion is None and time.monotonic() < until:
            time.sleep(0.01)
    finally:
        watched.watcher.stop()
    assert watched.champion == 1
    assert watched.told.failing is None


@pytest.mark.parametrize("fault", [RuntimeError("odd"), KeyError("x")])
def test_a_fault_is_told(registry, watched, fault):
    def outlines():
        raise fault

    registry.outlines = outlines
    watched.look()
    assert watched.told.failing == (
        f"The models cannot be followed: {type(fault).__name__}, see the scorer's log."
    )
