"""A version of a problem's model as the registry knows it, and what has happened to it."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from typing import Any, Protocol

from pipelines.contracts import model_registry as tags

CONTEST = "contest"
ENTERED = "entered"
"""Where a version comes from: fitted in a contest, or prepared elsewhere."""

PROMOTED = "promoted"
ROLLED_BACK = "rolled back to"
"""How a version became champion."""


class StoredVersion(Protocol):
    """A version as MLflow has it: its number as text, when it was made in milliseconds."""

    version: str
    creation_timestamp: int
    source: str
    run_id: str | None

    @property
    def tags(self) -> Mapping[str, str]:
        """Its tags by name."""
        ...


@dataclass(frozen=True)
class Event:
    """What happened to a version: promoted, rolled back to, replaced, retired; when in UTC, by whom, why."""

    at: datetime
    what: str
    by: str
    reason: str

    def as_tag(self) -> tuple[str, str]:
        """A tag of its own each, so that two writers lose nothing. MLflow takes no `+` in its name."""
        told = {"what": self.what, "by": self.by, "reason": self.reason}
        moment = self.at.replace(tzinfo=None).isoformat(timespec="microseconds")
        return f"{tags.EVENT}{moment}Z", json.dumps(told)


@dataclass(frozen=True)
class RegisteredModel:
    """One version. `average_precision`: value, low, high on the data it was judged by; None before that.

    `folder`: where its artefacts lie. `contest`: the run that it was made in; `newest_contest`: the run of
    the last contest that judged it.
    """

    problem: str
    version: int
    name: str
    source: str
    sha256: str
    features_sha256: str
    threshold: float
    problem_version: int
    set_versions: Mapping[str, int]
    created_at: datetime
    folder: str
    run_id: str
    aliases: tuple[str, ...] = ()
    average_precision: Mapping[str, float | None] | None = None
    retired: datetime | None = None
    contest: str | None = None
    newest_contest: str | None = None
    events: tuple[Event, ...] = field(default=())

    @classmethod
    def of(cls, problem: str, version: StoredVersion, aliases: Mapping[str, int]) -> "RegisteredModel":
        """From MLflow's version and the model's aliases, alias -> version.

        Raises `ValueError` where a tag is not what clicklake writes.
        """
        found = version.tags
        number = int(version.version)
        retired, judged = found.get(tags.RETIRED), found.get(tags.AVERAGE_PRECISION)
        return cls(
            problem=problem,
            version=number,
            name=found.get(tags.NAME, ""),
            source=found.get(tags.SOURCE, ""),
            sha256=found.get(tags.SHA256, ""),
            features_sha256=found.get(tags.FEATURES_SHA256, ""),
            threshold=float(found.get(tags.THRESHOLD, "nan")),
            problem_version=int(found.get(tags.PROBLEM_VERSION, 0)),
            set_versions=json.loads(found.get(tags.SET_VERSIONS, "{}")),
            created_at=datetime.fromtimestamp(version.creation_timestamp / 1_000, UTC),
            folder=version.source,
            run_id=version.run_id or "",
            aliases=tuple(sorted(alias for alias, of in aliases.items() if of == number)),
            average_precision=json.loads(judged) if judged else None,
            retired=datetime.fromisoformat(retired) if retired else None,
            contest=found.get(tags.CONTEST),
            newest_contest=found.get(tags.NEWEST_CONTEST),
            events=_events(found),
        )

    @property
    def stands(self) -> bool:
        """Whether it stands in the next contest: prepared elsewhere, neither champion nor retired."""
        return self.source == ENTERED and self.retired is None and tags.CHAMPION not in self.aliases

    @property
    def promotion(self) -> Event | None:
        """How it last became champion; None where it never did."""
        return next((one for one in reversed(self.events) if one.what in (PROMOTED, ROLLED_BACK)), None)

    def as_data(self) -> dict[str, Any]:
        """As JSON has it; times in ISO 8601."""
        times = {"created_at": self.created_at.isoformat()}
        times["retired"] = self.retired.isoformat() if self.retired else None  # type: ignore[assignment]
        events = [asdict(one) | {"at": one.at.isoformat()} for one in self.events]
        return asdict(self) | times | {"aliases": list(self.aliases), "events": events}


def _events(found: Mapping[str, str]) -> tuple[Event, ...]:
    """In the order of their times."""
    told = sorted((key.removeprefix(tags.EVENT), text) for key, text in found.items() if _is_event(key))
    return tuple(Event(at=datetime.fromisoformat(at), **json.loads(text)) for at, text in told)


def _is_event(key: str) -> bool:
    return key.startswith(tags.EVENT)
