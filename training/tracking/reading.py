"""What registry operations are made of: versions read with their aliases, and events told."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from mlflow import MlflowClient
from mlflow.exceptions import MlflowException

from pipelines.contracts.model_registry import registered_name
from pipelines.contracts.registered_model import Event, RegisteredModel
from pipelines.errors import ModelError

MISSING = "RESOURCE_DOES_NOT_EXIST"
"""MLflow's code for what is not there."""


class ChampionChanged(ModelError):  # noqa: N818 - says what happened
    """Another one became champion since it was looked at."""


@dataclass(frozen=True)
class Told:
    """What an operation says of itself."""

    what: str
    by: str
    reason: str


def models_of(client: MlflowClient, problem: str) -> list[RegisteredModel]:
    """All versions of a problem, the newest first; none where nothing was registered."""
    name = registered_name(problem)
    try:
        aliases = {k: int(v) for k, v in client.get_registered_model(name).aliases.items()}
    except MlflowException as error:
        if error.error_code != MISSING:
            raise
        return []
    found, token = [], None
    while True:
        page = client.search_model_versions(f"name = '{name}'", page_token=token)
        found += [RegisteredModel.of(problem, one, aliases) for one in page]
        token = page.token
        if not token:
            return sorted(found, key=lambda one: -one.version)


def holder(alias: str, models: Sequence[RegisteredModel]) -> RegisteredModel | None:
    """The one that holds the alias."""
    return next((one for one in models if alias in one.aliases), None)


def require_expected(problem: str, champion: RegisteredModel | None, expected: int | None) -> None:
    """Raises `ChampionChanged` unless the champion is that version, None for none."""
    found = None if champion is None else champion.version
    if found != expected:
        raise ChampionChanged(
            f"{problem}: the champion is {_named(found)} by now, not {_named(expected)}, against which this "
            "was decided; nothing was promoted."
        )


def _named(version: int | None) -> str:
    return "none" if version is None else f"v{version}"


def tell(client: MlflowClient, problem: str, version: int, told: Told) -> None:
    """Write an event into a version's story."""
    key, text = Event(datetime.now(UTC), told.what, told.by, told.reason).as_tag()
    client.set_model_version_tag(registered_name(problem), str(version), key, text)
