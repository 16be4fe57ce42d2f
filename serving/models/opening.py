"""The models of a deployment, as a scorer opens them."""

from collections.abc import Callable
from pathlib import Path

from pipelines.gold.problems import all_problems
from pipelines.settings.scorer import Scorer
from serving.models.cache import ChampionCache
from serving.models.live import LiveModels
from serving.models.mlflow_source import MlflowSource
from serving.models.watcher import ModelWatcher

_GRACE_MICROS = 3_000_000
"""Beyond a poll: with `poll_seconds` of 2, a promotion is seen within 5 s, or answers say `stale`."""


def open_models(
    tracking_uri: str,
    *,
    settings: Scorer,
    folder: Path,
    deliver: Callable[[Callable[[], None]], object],
) -> tuple[LiveModels, ModelWatcher]:
    """The live models of all problems and their watcher, not yet started.

    `folder`: where the last good champions are kept. `deliver`: runs a function in the loop's thread.
    """
    problems = all_problems()
    stale_after = int(settings.poll_seconds * 1_000_000) + _GRACE_MICROS
    live = LiveModels(problems, stale_after_micros=stale_after)
    watcher = ModelWatcher(
        MlflowSource(tracking_uri),
        live,
        problems=problems,
        cache=ChampionCache(folder),
        deliver=deliver,
        poll_seconds=settings.poll_seconds,
        shadows=settings.shadows,
    )
    return live, watcher
