"""`clicklake doctor`."""

import click
from rich.console import Console
from rich.text import Text

from jobs.cli.main import Invocation
from pipelines.connectors.names import Names
from pipelines.runtime.doctor import Finding, diagnose


@click.command(help="Say what this machine lacks and how to mend it. Exit code 2 if nothing could start.")
@click.pass_context
def command(ctx: click.Context) -> None:
    """One line per check, and its cure where it fails."""
    invocation: Invocation = ctx.obj
    settings = invocation.settings()
    findings = diagnose(settings, names=Names.of(var_dir=settings.var_dir, lake=settings.lake))
    console = Console()
    for finding in findings:
        console.print(_line(finding), soft_wrap=True)
    if any(finding.essential and not finding.ok for finding in findings):
        ctx.exit(2)


def _line(finding: Finding) -> Text:
    word, style = _VERDICTS[finding.ok, finding.essential]
    cure = "" if finding.ok else f" {finding.mend}"
    return Text.assemble((f"{word:<8}", style), f"{finding.check:<14} {finding.sentence}{cure}")


_VERDICTS = {
    (True, True): ("ok", "green"),
    (True, False): ("ok", "green"),
    (False, True): ("missing", "red"),
    (False, False): ("note", "yellow"),
}
