"""The real thread on the real MLflow: promotions and rollbacks in seconds, and the way through an outage."""

import time
from urllib.parse import urlsplit

import pytest

from pipelines.contracts.clock import micros
from serving.models.opening import open_models
from serving.models.watcher import wall_micros
from tests.relay import relay_to
from tests.serving.models.graphs import KNOWN, PROBLEM, telling

pytestmark = pytest.mark.services
NAME = PROBLEM.name


@pytest.fixture
def opened(stack, stack_settings, tmp_path):
    """Opens live models through a relay that can be cut; stops them at the end."""
    parts, running = urlsplit(stack.mlflow), []
    with relay_to(parts.hostname, parts.port) as relay:

        def start():
            live, watcher = open_models(
                f"http://127.0.0.1:{relay.port}",
                settings=stack_settings.scorer,
                folder=tmp_path / "models",
                deliver=lambda run: run(),
            )
            watcher.start()
            running.append(watcher)
            return live

        relay.open()
        yield relay, start
        for one in running:
            one.stop()


def seconds_until(holds) -> float:
    began = time.monotonic()
    while not holds():
        assert time.monotonic() - began < 15
        time.sleep(0.02)
    return time.monotonic() - began


def decides(live, version: int):
    champion = live.of(NAME).champion
    return champion is not None and champion.version == version


def test_promotion_rollback_and_an_outage(opened, mlflow_registry):
    relay, start = opened
    first, second = (mlflow_registry.register(f"model {n}", telling(n)) for n in (1, 2))
    mlflow_registry.promote(first)
    live = start()
    seconds_until(lambda: decides(live, first))
    mlflow_registry.promote(second)
    assert seconds_until(lambda: decides(live, second)) < 5
    assert live.of(NAME).champion.probability(KNOWN) == 2 / 64
    assert mlflow_registry.rollback() == first
    assert seconds_until(lambda: decides(live, first)) < 5
    assert second in [one.version for one in live.of(NAME).shadows]
    seconds_until(lambda: live.told(NAME).swaps[-1].by == "ada")
    assert live.told(NAME).swaps[-1].reason == "odd offers"
    relay.cut()
    seconds_until(lambda: live.stale(NAME, now=wall_micros()))
    assert decides(live, first)
    restarted = start()
    assert decides(restarted, first)
    assert restarted.of(NAME).champion.promoted_at == live.of(NAME).champion.promoted_at
    mlflow_registry.promote(second)
    relay.open()
    assert seconds_until(lambda: decides(live, second) and decides(restarted, second)) < 5
    assert live.stale(NAME, now=wall_micros()) == ()
    assert micros(live.of(NAME).since) <= wall_micros()
