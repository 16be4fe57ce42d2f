"""What every job file shares: settings, logging, and errors as one sentence with an exit code."""

import sys
from argparse import ArgumentTypeError
from collections.abc import Callable, Sequence
from pathlib import Path

from pipelines.errors import ClicklakeError
from pipelines.runtime.logs import configure_logs
from pipelines.settings import Settings, load_settings

Job = Callable[[Settings, Sequence[str]], None]


def run_job(job: Job, arguments: Sequence[str] | None = None, *, settings: Settings | None = None) -> int:
    """Run a job and give its exit code: 0, or the error's, with one sentence on stderr."""
    try:
        known = settings or load_settings()
        configure_logs(known.log)
        job(known, sys.argv[1:] if arguments is None else arguments)
    except ClicklakeError as error:
        sys.stderr.write(f"clicklake: {error}\n")
        return error.exit_code
    return 0


def writable_file(text: str) -> Path:
    """The file of an argument `--report`, whose folder must be there before anything starts."""
    path = Path(text)
    if path.is_dir() or not path.absolute().parent.is_dir():
        raise ArgumentTypeError(f"{text}: the folder {path.absolute().parent} must exist, and it be a file")
    return path
