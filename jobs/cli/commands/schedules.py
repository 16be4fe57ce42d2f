"""`clicklake schedules`: the daily work, when it is due, and how it last ended."""

from collections.abc import Iterator
from datetime import datetime

import click
from rich.console import Console
from rich.table import Table
from rich.text import Text

from jobs.cli.commands.run import schedulable
from jobs.cli.main import Invocation
from pipelines.connectors.names import Names
from pipelines.runtime.embedded import postgres_endpoint
from pipelines.runtime.schedules.due import Past, Standing
from pipelines.runtime.schedules.ledger import Ledger
from pipelines.runtime.schedules.plan import Planned, planned
from pipelines.runtime.schedules.run import utc_now
from pipelines.runtime.schedules.status import standings

_COLUMNS = ("job", "schedule", "next due", "last run", "took", "how it ended")
_WIDE = 200
"""Characters of a line that goes into a file or a pipe."""


@click.command()
@click.pass_obj
def command(invocation: Invocation) -> None:
    """Show the daily work that `clicklake run run_schedules` does: when it is due, how it last ended."""
    settings = invocation.settings()
    plan = planned(settings.schedules, known=schedulable())
    names = Names.of(var_dir=settings.var_dir, lake=settings.lake)
    ledger = Ledger(postgres_endpoint(settings, names=names).address())
    past = ledger.past([one.job for one in plan])
    table = Table(box=None, header_style="bold")
    for name in _COLUMNS:
        table.add_column(name, overflow="fold")
    for one, found in standings(plan, past, utc_now()):
        table.add_row(*(Text(cell) for cell in _cells(one, past.get(one.job), found)))
    console = Console(highlight=False)
    console.width = console.width if console.is_terminal else _WIDE
    console.print(table)
    for job in sorted(job for job, one in settings.schedules.items() if one is None):
        click.echo(f"{job} is off.")


def _cells(one: Planned, past: Past | None, found: Standing) -> Iterator[str]:
    yield one.job
    yield one.ticks.text + (f", after {', '.join(one.after)}" if one.after else "")
    yield _due(found)
    yield _shown(past.started_at) if past else ""
    yield _took(past) if past else ""
    yield _ended(past) if past else "never run"


def _due(found: Standing) -> str:
    if found.owed is None:
        return _shown(found.ready_at)
    if found.waits_for:
        return f"since {_shown(found.owed)}, waits for {', '.join(found.waits_for)}"
    if found.ready_at is not None and found.ready_at > found.owed:
        return f"again {_shown(found.ready_at)}, for {_shown(found.owed)}"
    return f"since {_shown(found.owed)}"


def _took(past: Past) -> str:
    if past.started_at is None or past.ended_at is None:
        return ""
    return f"{(past.ended_at - past.started_at).total_seconds():.0f} s"


def _ended(past: Past) -> str:
    if past.started_at is None:
        return "never run"
    if past.ended_at is None:
        return "is running, or its scheduler was killed"
    line = "".join(c if c.isprintable() else ascii(c)[1:-1] for c in past.last_line or "")
    if past.exit_code == 0:
        return f"well: {line}" if line else "well"
    how = "broken off" if past.exit_code is None else f"exit code {past.exit_code}"
    return f"{how}: {line}"


def _shown(moment: datetime | None) -> str:
    return f"{moment:%Y-%m-%d %H:%M:%S}" if moment else ""
