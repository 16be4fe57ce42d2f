"""Where registered models are read from, and which of them are to score."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import structlog

from pipelines.contracts.model_registry import CHALLENGER, CHAMPION, PREVIOUS
from pipelines.contracts.registered_model import RegisteredModel, StoredVersion
from pipelines.errors import ModelError

_log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Outline:
    """What tells in one look whether a problem's models have changed.

    `aliases`: alias → version. `changed_at`: when a version was last made or deleted, in milliseconds.
    """

    aliases: Mapping[str, int]
    changed_at: int


class ModelSource(Protocol):
    """A registry as the scorer reads it. Everything raises `ServiceError` when it does not answer in time."""

    def outlines(self) -> Mapping[str, Outline]:
        """By problem; those of which nothing is registered are missing."""
        ...

    def versions(self, problem: str, outline: Outline) -> Sequence[RegisteredModel]:
        """Those that hold an alias, and the newest of those that were prepared elsewhere.

        What cannot be read as a version of clicklake's is left out.
        """
        ...

    def files(self, model: RegisteredModel, *, limit_bytes: int) -> tuple[bytes, bytes]:
        """The bytes of its graph and of its features. Raises `ModelError` for more than the limit."""
        ...


def readable(problem: str, versions: Iterable[StoredVersion], outline: Outline) -> list[RegisteredModel]:
    """Those whose tags are clicklake's; others are logged."""
    found = []
    for one in versions:
        try:
            found.append(RegisteredModel.of(problem, one, outline.aliases))
        except (ValueError, TypeError) as error:
            _log.warning("no version of clicklake's", problem=problem, version=one.version, why=str(error))
    return found


@dataclass(frozen=True)
class Chosen:
    """Which versions are to score for a problem; `shadows` in the order of their claim."""

    champion: RegisteredModel | None
    shadows: tuple[RegisteredModel, ...]


def chosen(problem: str, models: Sequence[RegisteredModel], outline: Outline, *, shadows: int) -> Chosen:
    """The champion, and beside it challenger, previous and entrants, the newest first, to that number.

    Raises `ModelError` where the champion is not among the models.
    """
    by_version = {one.version: one for one in models}
    number = outline.aliases.get(CHAMPION)
    if number is not None and number not in by_version:
        raise ModelError(
            f"{problem} v{number} is the champion in MLflow, but cannot be read there as a version of "
            "clicklake's: see `clicklake models list`, and promote another version."
        )
    holders = [outline.aliases.get(alias) for alias in (CHALLENGER, PREVIOUS)]
    entrants = sorted((one.version for one in models if one.stands), reverse=True)
    claims = dict.fromkeys(one for one in [*holders, *entrants] if one in by_version and one != number)
    beside = tuple(by_version[one] for one in claims if one is not None)
    return Chosen(None if number is None else by_version[number], beside[:shadows])
