"""Questions, clicks, and what answers them."""

import json
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from pipelines.contracts.positions import Vector
from pipelines.gold.features.sets import all_sets
from pipelines.gold.problems import all_problems
from pipelines.runtime.features.feed import Feed
from serving.scoring.question import Question
from serving.state.shopper import ShopperState
from tests.runtime.features.test_feed import BEGIN, MINUTE, READER, record_of
from tests.serving.state.memory_store import MemoryStore

CHECKOUT, PRODUCT = (all_problems()[name] for name in ("checkout_purchase", "product_purchase"))
LATER = BEGIN + 24 * 60 * MINUTE
CLICKS = ("clicks", 0)


def question_of(**given: Any) -> Question:
    """A question about what the tests' events name."""
    keys = {"visitor_id": "v", "session_id": "s", "product_id": "p", "user_id": None}
    return (
        Question("d", PRODUCT, LATER, keys)
        if not given
        else replace(Question("d", PRODUCT, LATER, keys), **given)
    )


def state_at(
    store: MemoryStore, since: Vector, *, clock: Sequence[int] = (), **settings: Any
) -> ShopperState:
    """What is known of a shopper with this store, and Kafka followed from there."""
    feed = Feed(READER, all_sets().values(), since=since)
    feed.caught_up(LATER)
    return ShopperState(store, feed, clock=lambda: clock[-1] if clock else LATER, **settings)


def click(offset: int, *, visitor: str = "v", user: str | None = None) -> Any:
    """A view of a product in partition 0 of clicks."""
    record = record_of(offset)
    said = {"visitor_id": visitor, "user_id": user, "event_id": f"e{offset}", "event_type": "product_view"}
    return record._replace(value=encoded(record.value, said | {"session_id": "s", "product_id": "p"}))


def encoded(value: bytes, changes: dict[str, Any]) -> bytes:
    """The record's value with changes."""
    return json.dumps(json.loads(value) | changes).encode()
