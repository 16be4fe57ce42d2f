"""How the commands about services show progress and endpoints."""

import re
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import Progress as Bars
from rich.progress import SpinnerColumn, TaskID, TextColumn, TimeElapsedColumn
from rich.table import Table

from pipelines.runtime.embedded import ServiceStatus
from pipelines.runtime.embedded.progress import Progress

_COUNTED = re.compile(r", [1-9]\d* of \d+$")


@contextmanager
def shown_progress(console: Console) -> Iterator[Progress]:
    """A callback for `up` and `down`: one live line a subject, or plain lines where nobody watches."""
    if not console.is_terminal:
        yield _plain_lines(console)
        return
    columns = (SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn())
    with Bars(*columns, console=console) as bars:
        yield _live_lines(bars)


def _plain_lines(console: Console) -> Progress:
    def tell(subject: str, text: str) -> None:
        if not _COUNTED.search(text):
            console.print(f"{subject}: {text}", highlight=False, soft_wrap=True)

    return tell


def _live_lines(bars: Bars) -> Progress:
    lines: dict[str, TaskID] = {}

    def tell(subject: str, text: str) -> None:
        if subject not in lines:
            lines[subject] = bars.add_task("", total=1)
        done = text.startswith(("ready", "already", "stopped"))
        bars.update(lines[subject], description=f"{subject:<11} {text}", completed=int(done))

    return tell


def status_table(rows: list[ServiceStatus]) -> Table:
    """Service, state, endpoint, process id, since."""
    table = Table(box=None, pad_edge=False)
    for column in ("service", "state", "endpoint", "pid", "since"):
        table.add_column(column, overflow="fold")
    for row in rows:
        table.add_row(row.name, row.state, row.endpoint or "", str(row.pid or ""), row.since or "")
    return table
