"""An account that PostgreSQL may run as, and folders that this account can reach.

PostgreSQL refuses to run as root. As root it runs as the account `postgres`, or `nobody` where there
is none. That account may be unable to reach the project (a clone below /root, mode 700). Parents'
permissions are never changed: the data then lies in `/var/lib/clicklake/<hash of the place it
stands for>`, and a symbolic link in its usual place leads there; the wheel's programs are copied
beside it. A normal user runs PostgreSQL as itself, and neither happens.
"""

import hashlib
import os
import pwd
import shutil
import subprocess
from pathlib import Path

from pipelines.errors import PrerequisiteError
from pipelines.runtime.embedded.processes import Account, identity

_CANDIDATES = ("postgres", "nobody")
_OUTSIDE = Path("/var/lib/clicklake")


def unprivileged_account() -> Account | None:
    """None for a normal user (run as oneself); as root an account. Raises `PrerequisiteError`."""
    if os.geteuid() != 0:
        return None
    for name in _CANDIDATES:
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        return Account(uid=entry.pw_uid, gid=entry.pw_gid)
    raise PrerequisiteError(
        "PostgreSQL refuses to run as root and there is neither an account postgres nor nobody: "
        "run clicklake as a normal user, or create the account postgres."
    )


def owned_folder(usual: Path, *, account: Account | None) -> Path:
    """A folder that `account` owns and can reach: `usual`, or the one outside that `usual` then links to."""
    if account is None:
        usual.mkdir(parents=True, exist_ok=True, mode=0o700)
        return usual
    if usual.is_symlink() and usual.is_dir():
        return usual.resolve()
    usual.unlink(missing_ok=True) if usual.is_symlink() else None
    _own(usual, account)
    if _runs(["/bin/sh", "-c", 'test -w "$0" && test -x "$0"', str(usual)], account):
        return usual
    return _outside(usual, account)


def reachable_programs(installed: Path, *, beside: Path, account: Account | None) -> Path:
    """The folder of PostgreSQL's programs: `installed`, or a copy in `beside` that `account` can run."""
    if account is None or _runs([str(installed / "postgres"), "--version"], account):
        return installed
    package = installed.parents[1]
    copy = beside / "programs"
    copied = copy / package.name / installed.relative_to(package)
    if not _runs([str(copied / "postgres"), "--version"], account):
        shutil.rmtree(copy, ignore_errors=True)
        for part in (package, package.with_name(f"{package.name}.libs")):
            if part.is_dir():
                shutil.copytree(part, copy / part.name, symlinks=True)
        _own_all(copy, account)
    return copied


def _outside(usual: Path, account: Account) -> Path:
    """The folder of /var/lib that stands for `usual`; what a deleted run folder left there is removed."""
    place = _OUTSIDE / hashlib.sha256(str(usual).encode()).hexdigest()[:16]
    shutil.rmtree(place, ignore_errors=True)
    _own(place, account)
    usual.rmdir()
    usual.symlink_to(place)
    return place


def _own(folder: Path, account: Account) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    os.chown(folder, account.uid, account.gid)
    folder.chmod(0o700)


def _own_all(folder: Path, account: Account) -> None:
    for path in (folder, *folder.rglob("*")):
        os.chown(path, account.uid, account.gid, follow_symlinks=False)


def _runs(command: list[str], account: Account) -> bool:
    try:
        done = subprocess.run(command, cwd="/", capture_output=True, check=False, **identity(account))
    except OSError:
        return False
    return done.returncode == 0
