"""Named points at which a test or a drill makes a process fail, before and after each durable step.

A failpoint costs a look into an empty dictionary unless it is armed by the setting `failpoints`:
`NAME@HIT=ACTION`, such as `clean_silver.after_append:silver.events@2=kill`, fires at the second
passage. Every firing is written to a ledger first, so that a drill can prove that it happened, and
that the process started in its place does not fail in the same way again.
"""

import os
import re
import signal
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from pipelines.errors import SettingsError

_FORM = re.compile(r"(?P<name>[\w.:]+)(@(?P<hit>[1-9]\d*))?=(?P<action>raise|kill)")


class Injected(Exception):  # noqa: N818 - a failure on purpose
    """What an armed failpoint of action `raise` raises."""


@dataclass(frozen=True)
class Failpoint:
    """One armed point: it fires at its `hit`-th passage, by an exception or by SIGKILL."""

    name: str
    hit: int
    action: str

    def __str__(self) -> str:
        return f"{self.name}@{self.hit}={self.action}"

    @classmethod
    def parse(cls, text: str) -> "Failpoint":
        """Read `NAME@HIT=raise` or `NAME=kill`. Raises `SettingsError`."""
        match = _FORM.fullmatch(text)
        if match is None:
            raise SettingsError(
                f"failpoints: `{text}` is not of the form NAME@HIT=raise or NAME@HIT=kill, HIT from 1."
            )
        return cls(match["name"], int(match["hit"] or 1), match["action"])


_armed: dict[str, list[Failpoint]] = {}
_passed: Counter[str] = Counter()
_ledger: list[Path] = []


def arm(texts: Sequence[str], *, ledger: Path) -> None:
    """Arm these points and no others, but for those in `ledger`, which have fired. Raises `SettingsError`."""
    points = [Failpoint.parse(text) for text in texts]
    done = fired(ledger)
    _armed.clear()
    _passed.clear()
    _ledger[:] = [ledger]
    for point in (one for one in points if str(one) not in done):
        _armed.setdefault(point.name, []).append(point)


def failpoint(name: str) -> None:
    """Pass the point. Raises `Injected`, or ends the process at once, when it is armed for this passage."""
    if not _armed:
        return
    _passed[name] += 1
    for point in _armed.get(name, ()):
        if point.hit == _passed[name]:
            _fire(point)


def fired(ledger: Path) -> list[str]:
    """The points that have fired, in order, as they were given (`NAME@HIT=ACTION`)."""
    return ledger.read_text().split() if ledger.is_file() else []


def _fire(point: Failpoint) -> None:
    ledger = _ledger[0]
    ledger.parent.mkdir(parents=True, exist_ok=True)
    with ledger.open("a") as file:
        file.write(f"{point}\n")
        file.flush()
        os.fsync(file.fileno())
    if point.action == "kill":
        os.kill(os.getpid(), signal.SIGKILL)
    raise Injected(f"failpoint {point.name}")
