"""Which code made a model."""

import subprocess
from importlib.metadata import version
from pathlib import Path

_FOLDER = Path(__file__).parent


def code_version() -> dict[str, str]:
    """`package`: the release; `commit`: of the checkout it runs from, `+changes` where files differ."""
    found = {"package": version("clicklake")}
    commit = _git("rev-parse", "HEAD")
    if commit:
        changed = _git("status", "--porcelain", "--untracked-files=no")
        found["commit"] = f"{commit}+changes" if changed else commit
    return found


def _git(*arguments: str) -> str:
    """What git says; nothing where there is no git or no repository of clicklake's, as in a wheel."""
    if not _git_folder():
        return ""
    try:
        ended = subprocess.run(
            ["git", *arguments], cwd=_FOLDER, capture_output=True, text=True, timeout=10, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return ended.stdout.strip() if ended.returncode == 0 else ""


def _git_folder() -> bool:
    """Whether the code lies in a checkout of its own, and not in the packages of some other repository."""
    return (_FOLDER.parents[1] / ".git").exists()
