"""What the scorer counts and times, in Prometheus' terms."""

from typing import Any

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_LATEST

from serving.scoring.decision import Decision

_SECONDS = (0.0005, 0.001, 0.002, 0.003, 0.005, 0.0075, 0.01, 0.015, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10)
_MICROS = 1e6


class Meters:
    """The figures of one scorer. Others may add theirs to its `registry`."""

    content_type = CONTENT_TYPE_LATEST

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        of: Any = {"registry": self.registry, "namespace": "clicklake_scorer"}
        self.decisions = Counter(
            "decisions", "Decisions made.", ("door", "problem", "action", "reason"), **of
        )
        self.stale = Counter(
            "stale_decisions", "Decisions made while a part did not answer.", ("door",), **of
        )
        self.published = Histogram(
            "published_to_decision_seconds",
            "From the asking event's own time to the decision.",
            buckets=_SECONDS,
            **of,
        )
        self.ingested = Histogram(
            "ingested_to_decision_seconds",
            "From the asking event's arrival at the broker to the decision.",
            buckets=_SECONDS,
            **of,
        )
        self.answered = Histogram(
            "http_decision_seconds", "From a request's last byte to its answer.", buckets=_SECONDS, **of
        )
        self.requests = Counter("http_requests", "Requests answered.", ("route", "status"), **of)
        self.logged = Counter("logged_decisions", "Decisions that Kafka acknowledged.", **of)
        self.dropped = Counter("dropped_decisions", "Decisions that were never written.", **of)
        self.waiting = Gauge("waiting_decisions", "Decisions not acknowledged yet.", **of)
        self.failures = Counter("failures", "Faults of the scorer itself; see its log.", ("where",), **of)
        self.records = Counter("records", "Kafka's records taken in.", **of)
        self.partitions = Gauge("partitions", "Partitions that this replica reads.", **of)
        self.lag = Gauge("lag_records", "Records that Kafka holds and this replica has yet to read.", **of)
        self.silent = Gauge("kafka_silent_seconds", "Since Kafka last answered.", **of)

    def decided(self, decision: Decision) -> None:
        """Count a decision."""
        self.decisions.labels(decision.door, decision.problem, decision.action, decision.reason).inc()
        if decision.stale not in (None, "[]"):
            self.stale.labels(decision.door).inc()
        if decision.published_micros is not None:
            self.published.observe(decision.published_micros / _MICROS)
        if decision.ingested_micros is not None:
            self.ingested.observe(decision.ingested_micros / _MICROS)

    def text(self) -> bytes:
        """All of it, as Prometheus reads it."""
        return generate_latest(self.registry)
