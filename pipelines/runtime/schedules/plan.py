"""The schedules of the settings, checked: which jobs there are, when, and after which others."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from graphlib import CycleError, TopologicalSorter

from pipelines.errors import SettingsError
from pipelines.runtime.schedules.ticks import Ticks, cron, every
from pipelines.settings.tree import Schedule


@dataclass(frozen=True)
class Planned:
    """A job, when it is due, the jobs whose success it waits for, and how long it may take."""

    job: str
    ticks: Ticks
    after: tuple[str, ...] = ()
    arguments: tuple[str, ...] = ()
    limit_seconds: float = 14_400.0


def planned(schedules: Mapping[str, Schedule | None], *, known: Collection[str]) -> list[Planned]:
    """The jobs that are on, each behind those that it waits for; one that is off is not waited for.

    `known` are the jobs that may be scheduled. Raises `SettingsError` for another, for a cron expression
    that is none, and for jobs that wait for each other.
    """
    for job, one in schedules.items():
        _require_known(job, known, key=f"schedules.{job}")
        for other in one.after if one else ():
            _require_known(other, schedules, key=f"schedules.{job}.after")
    on = {job: one for job, one in schedules.items() if one is not None}
    order = _ordered({job: [other for other in one.after if other in on] for job, one in on.items()})
    return [
        Planned(
            job,
            _ticks(job, on[job]),
            tuple(other for other in on[job].after if other in on),
            tuple(on[job].arguments),
            60.0 * on[job].limit_minutes,
        )
        for job in order
    ]


def _require_known(job: str, known: Collection[str], *, key: str) -> None:
    if job not in known:
        near = get_close_matches(job, known, n=1)
        hint = f"did you mean `{near[0]}`?" if near else f"such are {', '.join(sorted(known))}."
        raise SettingsError(f"`{key}`: `{job}` is no job that can be scheduled; {hint}")


def _ordered(after: Mapping[str, Sequence[str]]) -> list[str]:
    try:
        return list(TopologicalSorter(after).static_order())
    except CycleError as error:
        circle = ", ".join(dict.fromkeys(error.args[1]))
        raise SettingsError(f"`schedules`: {circle} wait for each other by `after`.") from None


def _ticks(job: str, schedule: Schedule) -> Ticks:
    key = f"schedules.{job}"
    if (schedule.cron is None) == (schedule.every is None):
        raise SettingsError(f"`{key}` needs one of `cron` and `every`, and the other null.")
    if schedule.cron is not None:
        return cron(schedule.cron, key=f"{key}.cron")
    return every(schedule.every or 1)
