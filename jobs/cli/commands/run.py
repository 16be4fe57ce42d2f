"""`clicklake run JOB`: a job of `jobs/` by its file name, in this process."""

import importlib
import pkgutil
import sys

import click

import jobs
from jobs.cli.main import Invocation
from jobs.entry import run_job
from pipelines.errors import SettingsError

_NOT_JOBS = {"cli", "entry", "query_job"}


def job_names() -> list[str]:
    """Names of all jobs."""
    return sorted(m.name for m in pkgutil.iter_modules(jobs.__path__) if m.name not in _NOT_JOBS)


def schedulable() -> list[str]:
    """Names of the jobs that the scheduler may run: all but itself."""
    return [name for name in job_names() if name != "run_schedules"]


@click.command(context_settings={"ignore_unknown_options": True, "help_option_names": []})
@click.argument("job", required=False)
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
@click.pass_obj
def command(invocation: Invocation, job: str | None, arguments: tuple[str, ...]) -> None:
    """Run a job of jobs/; without a name, list them."""
    if job is None or job in ("-h", "--help"):
        for name in job_names():
            summary = (importlib.import_module(f"jobs.{name}").__doc__ or "").strip().splitlines()[0]
            click.echo(f"{name:24} {summary}")
        return
    if job not in job_names():
        raise SettingsError(f"there is no job `{job}`; the jobs are {', '.join(job_names())}.")
    module = importlib.import_module(f"jobs.{job}")
    settings = invocation.settings()
    with invocation.inherited():
        sys.exit(run_job(module.run, arguments, settings=settings))
