"""What happens to a problem's models, noted for operators and metrics, and logged once."""

from collections.abc import Callable
from dataclasses import replace

import structlog

from pipelines.contracts.clock import moment
from pipelines.contracts.registered_model import Event
from serving.models.live import LiveModel
from serving.models.told import Refusal, Swap, Told

_NEWEST = 50

_log = structlog.get_logger(__name__)


class Diary:
    """Of one problem, written in the watcher's thread; `tell` gets the whole of it after each change.

    Moments are UTC microseconds.
    """

    def __init__(self, problem: str, *, tell: Callable[[Told], object]) -> None:
        self._told = Told(problem)
        self._tell = tell

    def answered(self, at: int) -> None:
        """MLflow was asked then, and said what holds."""
        if self._told.failing is not None:
            _log.info("MLflow answers again", problem=self._told.problem)
        self._note(replace(self._told, answered=at, failing=None))

    def failed(self, why: str) -> None:
        """MLflow did not say what holds."""
        if self._told.failing != why:
            _log.warning("models cannot be followed", problem=self._told.problem, why=why)
            self._note(replace(self._told, failing=why))

    def withheld(self, at: int | None) -> None:
        """The registry names a champion that is refused, then as before; None: it does not any more."""
        since = self._told.withheld
        if at is None or since is None:
            self._note(replace(self._told, withheld=at))

    def refused(self, version: int | None, why: str, *, at: int) -> None:
        """A version is not loaded. Said again of it with the same words, that is nothing new."""
        told = self._told
        last = next((one for one in reversed(told.refused) if one.version == version), None)
        if last is None or last.why != why:
            _log.warning("model refused", problem=told.problem, version=version, why=why)
            refused = (*told.refused, Refusal(version, moment(at), why))[-_NEWEST:]
            self._note(replace(told, refused=refused, refusals=told.refusals + 1))

    def swapped(self, before: LiveModel | None, after: LiveModel | None, *, at: int) -> None:
        """Another one decides from now on."""
        old, new = (None if one is None else one.version for one in (before, after))
        name = "" if after is None else after.name
        _log.info("champion swapped", problem=self._told.problem, before=old, version=new, model=name)
        swaps = (*self._told.swaps, Swap(moment(at), old, new, name))[-_NEWEST:]
        self._note(replace(self._told, swaps=swaps, swapped=self._told.swapped + 1))

    def promoted(self, version: int, event: Event | None) -> None:
        """Who made the champion of the newest swap champion: the registry tells it after the alias."""
        swaps = self._told.swaps
        if event is not None and swaps and swaps[-1].version == version and not swaps[-1].by:
            last = replace(swaps[-1], by=event.by, reason=event.reason)
            self._note(replace(self._told, swaps=(*swaps[:-1], last)))

    def _note(self, told: Told) -> None:
        if told != self._told:
            self._told = told
            self._tell(told)
