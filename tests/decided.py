"""Records of the topic `decisions`, made by the scorer's own struct, for tests of any area."""

from typing import Any

import msgspec

from serving.scoring.decision import Decision

DECIDED_AT = "2026-03-01T11:59:00.250000Z"


def a_decision(**changes: Any) -> dict[str, Any]:
    """A decision about a checkout that is offset 7 of partition 0 of the clicks, as JSON data."""
    made = {
        "event_id": "checkout_purchase:1:v1:e1",
        "visitor_id": "v1",
        "user_id": "u1",
        "session_id": "s1",
        "occurred_at": DECIDED_AT,
        "problem": "checkout_purchase",
        "problem_version": 1,
        "door": "kafka",
        "about_event": "e1",
        "about_topic": "clicks",
        "about_partition": 0,
        "about_offset": 7,
        "model": "checkout_purchase",
        "model_version": 3,
        "model_sha256": "5e1f",
        "probability": 0.25,
        "action": "nothing",
        "wanted_action": "discount_now",
        "reason": "holdout",
        "propensity": 0.1,
        "expected_minor": 12.5,
        "is_holdout": True,
        "policy": "abc",
        "features": '{"session__carts":1}',
        "set_versions": '{"session":1}',
        "positions": '{"clicks":{"0":7}}',
        "in_flight": 2,
        "is_whole": True,
        "state_ahead": False,
        "published_micros": 4_000,
        "ingested_micros": 2_500,
        "read_micros": 150,
        "score_micros": 90,
        "scorer": "scorer-1",
    }
    data: dict[str, Any] = msgspec.json.decode(Decision(**(made | changes)).encode())
    return data
