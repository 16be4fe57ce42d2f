"""A replica's share and what it spent, as partitions come and go and the log answers or not."""

import asyncio
import time

import pytest

from pipelines.errors import ServiceError
from pipelines.gold.problems import all_problems
from serving.policy import Policies, keeping
from serving.policy.keeping import DAY_MICROS, acted, keep_budgets
from serving.scoring.decision import Decision, wire_time
from tests.serving.policy.conftest import PROBLEM, plain

TEN = "budgets.checkout_purchase.discount_now.times=10"
NOW = time.time_ns() // 1_000
MIDNIGHT = NOW - NOW % DAY_MICROS


def logged(number: int, at: int) -> bytes:
    made = Decision(
        event_id=f"logged{number}",
        visitor_id="v",
        occurred_at=wire_time(at),
        problem=PROBLEM.name,
        problem_version=1,
        door="kafka",
        action="discount_now",
        reason="value",
        probability=0.1,
    )
    return made.encode()


def chosen(policies, number: int) -> str:
    return policies.choose(
        PROBLEM.name,
        decision_id=f"q{number}",
        visitor_id="v",
        probability=0.1,
        at=time.time_ns() // 1_000,
    ).action


def test_records_of_the_day_are_read_and_older_ones_are_not():
    values = [logged(1, MIDNIGHT - 1), logged(2, MIDNIGHT), logged(3, MIDNIGHT + 1_234_567)]
    found = list(acted(values, since=MIDNIGHT))
    assert [(one.decision_id, one.at) for one in found] == [
        ("logged2", MIDNIGHT),
        ("logged3", MIDNIGHT + 1_234_567),
    ]
    assert found[0][1:4] == (PROBLEM.name, "discount_now", 0.1)


@pytest.fixture
def kept(monkeypatch):
    """Policies with a budget, and what the keeper is told and asks for."""
    monkeypatch.setattr(keeping, "_LOOK_SECONDS", 0.01)
    return Policies(all_problems(), plain(TEN)), {"owned": frozenset(), "asked": [], "away": 0}


def keep(policies, told, *owned, asks=None):
    """Run the keeper while the partitions owned are these, one after the other, and the log is asked."""

    def read_day(mine, midnight):
        told["asked"].append(mine)
        if told["away"]:
            told["away"] -= 1
            raise ServiceError("Kafka does not answer.")
        assert midnight <= time.time_ns() // 1_000 < midnight + 2 * DAY_MICROS
        return [logged(number, time.time_ns() // 1_000) for number in range(3 * len(mine))]

    async def run():
        told["owned"] = frozenset(owned[0])
        keeper = asyncio.create_task(
            keep_budgets(policies, owned=lambda: told["owned"], partitions=2, read_day=read_day)
        )
        for number, mine in enumerate(owned, start=1):
            told["owned"] = frozenset(mine)
            async with asyncio.timeout(5):
                while len(told["asked"]) < (asks or number):
                    await asyncio.sleep(0.01)
            await asyncio.sleep(0.05)
        keeper.cancel()

    asyncio.run(run())


def test_a_replica_has_its_share_less_what_the_day_spent(kept):
    policies, told = kept
    keep(policies, told, {0})
    assert told["asked"] == [frozenset({0})]
    assert [chosen(policies, one) for one in range(3)].count("discount_now") == 2


def test_more_partitions_bring_their_share_and_their_spending(kept):
    policies, told = kept
    keep(policies, told, {0}, {0, 1})
    assert told["asked"] == [frozenset({0}), frozenset({0, 1})]
    assert [chosen(policies, one) for one in range(9)].count("discount_now") == 4


def test_a_log_that_is_away_is_asked_again(kept):
    policies, told = kept
    told["away"] = 2
    keep(policies, told, {0}, asks=3)
    assert told["asked"] == [frozenset({0})] * 3
    assert policies.used(PROBLEM.name, "discount_now", time.time_ns() // 1_000).times == 3


def test_without_budgets_nothing_is_read():
    asked = []
    policies = Policies(all_problems(), plain())
    asyncio.run(keep_budgets(policies, owned=frozenset, partitions=2, read_day=lambda *_: asked.append(1)))
    assert asked == []
