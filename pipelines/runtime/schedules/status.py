"""How every scheduled job stands: for the command line."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from pipelines.runtime.schedules.due import Past, Standing, standing
from pipelines.runtime.schedules.plan import Planned


def standings(
    plan: Sequence[Planned], past: Mapping[str, Past], now: datetime
) -> list[tuple[Planned, Standing]]:
    """Each job of the plan as it stands; one that no scheduler has known yet owes nothing."""
    by_name = {one.job: one for one in plan}
    known = {one.job: past.get(one.job) or Past(since=now) for one in plan}
    return [(one, standing(one, by_name, known, now)) for one in plan]
