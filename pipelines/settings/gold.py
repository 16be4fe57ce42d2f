"""The sections of what is derived in gold."""

from typing import Annotated, Literal

import msgspec

from pipelines.settings.sections import Count, Pace, Section


class Attribution(Section, frozen=True):
    """Who is credited with an order, and how long clicks and orders are waited for."""

    trigger_seconds: Pace
    max_records: Count
    partitions: Count
    look_back_seconds: Annotated[int, msgspec.Meta(ge=1, le=86_400)]
    late_seconds: Count
    long_look_back_days: Annotated[int, msgspec.Meta(ge=1, le=365)]
    fit_days: Count
    keep_minutes_hours: Count


class Features(Section, frozen=True):
    """The pace of the query that keeps every feature set. `max_mib` bounds the files of one batch."""

    trigger_seconds: Pace
    max_mib: Count
    keep_days: Annotated[int, msgspec.Meta(ge=1, le=36_500)]


class Labels(Section, frozen=True):
    """The pace of the query that labels decisions, and how long it waits for events that come late."""

    trigger_seconds: Pace
    max_mib: Count
    late_seconds: Annotated[int, msgspec.Meta(ge=1, le=604_800)]


class Marts(Section, frozen=True):
    """What sessions, paths and cohorts are; another gap or number of steps makes all days anew."""

    session_gap_minutes: Count
    path_steps: Count
    cohort_period: Literal["week", "day"]


class Related(Section, frozen=True):
    """Which products are named beside another one; `measure` as in `pipelines/gold/related/measures.py`."""

    named_products: Annotated[int, msgspec.Meta(ge=10, le=100)]
    window_products: Annotated[int, msgspec.Meta(ge=2, le=200)]
    measure: Literal["cosine", "conditional", "log_likelihood"]
    shrinkage: Annotated[float, msgspec.Meta(ge=0)]


class Vip(Section, frozen=True):
    """The route of VIPs' clicks. `function` is SQL; `python_function` is `module:name`."""

    levels: Annotated[list[Literal["BRONZE", "SILVER", "GOLD", "PLATINUM"]], msgspec.Meta(min_length=1)]
    refresh_seconds: Annotated[float, msgspec.Meta(ge=5)]
    batch_seconds: Pace
    driver_memory: str
    output_topic: Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z0-9._-]{1,249}$")]
    output_format: Literal["json", "avro"]
    function: str | None
    python_function: str | None
    python_topic: Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z0-9._-]{1,249}$")]
