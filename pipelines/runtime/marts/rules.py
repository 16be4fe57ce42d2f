"""What a run is given: the rules of the settings, and the lake's marts for itself."""

from collections.abc import Iterator
from contextlib import contextmanager

from pipelines.connectors.names import Names
from pipelines.gold.marts import MartRules
from pipelines.runtime.embedded.locks import held
from pipelines.runtime.marts.positions import BUILD_MARTS
from pipelines.settings import Settings

_LOCK_SECONDS = 1
_DAYS = {"day": 1, "week": 7}


def mart_rules(settings: Settings) -> MartRules:
    """The rules that the settings name."""
    chosen = settings.marts
    return MartRules(
        gap_seconds=60 * chosen.session_gap_minutes,
        path_steps=chosen.path_steps,
        period_days=_DAYS[chosen.cohort_period],
    )


@contextmanager
def only_run(names: Names) -> Iterator[None]:
    """The time in which no other run of this machine makes marts. Raises `ServiceError`."""
    with held(names.var_dir / "run" / f"{BUILD_MARTS}.lock", limit_seconds=_LOCK_SECONDS):
        yield
