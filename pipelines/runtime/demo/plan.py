"""What a demo is asked to do, and the command lines that mean it."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from pipelines.connectors.mapping import check_files, load_mapping, open_files
from pipelines.errors import SettingsError
from pipelines.runtime.feeds.replay import parse_speed
from pipelines.settings import conf_dir

_ROWS_TRIED = 100


@dataclass(frozen=True)
class DemoPlan:
    """`duration_seconds` of feeding (null: until Ctrl-C, or until the files end).

    Without `files` the simulator feeds at `rate` records a second; with them, a replay at `speed`,
    with `shares` (late, duplicate, broken) of its records disturbed on purpose. With `crashes`
    queries and the driver are made to fail meanwhile. `truth` is the file for what the simulator knows.
    """

    duration_seconds: float | None
    files: tuple[str, ...]
    mapping: str | None
    speed: str
    rate: float
    seed: int
    shares: tuple[float, float, float] = (0.0, 0.0, 0.0)
    crashes: bool = False
    truth: Path | None = None

    def check(self) -> None:
        """Raise `SettingsError` before anything starts when the plan cannot be done."""
        if self.duration_seconds is not None and self.duration_seconds <= 0:
            raise SettingsError("--duration must be more than 0 seconds.")
        if bool(self.files) != bool(self.mapping):
            raise SettingsError("--data and --mapping go together: say how the files are to be read.")
        parse_speed(self.speed)
        if self.mapping:
            mapping = load_mapping(self.mapping, folder=conf_dir() / "mappings")
            paths = [Path(name) for name in self.files]
            check_files(paths)
            # A few rows tell whether the files are what the mapping expects.
            with open_files(mapping, paths, limit=_ROWS_TRIED):
                pass

    def feed_command(self) -> Sequence[str]:
        """Arguments of `clicklake` that feed as planned; the last line of output is its JSON report."""
        if self.files:
            assert self.mapping is not None
            pace = ["--speed", self.speed, "--shift-to", "now"]
            names = ("--late-share", "--duplicate-share", "--broken-share")
            disturbed = [
                part for name, share in zip(names, self.shares, strict=True) for part in (name, str(share))
            ]
            return ["replay", *self.files, "--mapping", self.mapping, *pace, *disturbed, "--json"]
        limits = [] if self.duration_seconds is None else ["--duration", str(self.duration_seconds)]
        truth = [] if self.truth is None else ["--truth", str(self.truth)]
        return ["simulate", "--rate", str(self.rate), "--seed", str(self.seed), *limits, *truth, "--json"]
