"""The last good champion on disk, for a scorer that starts while MLflow is away."""

import os
from dataclasses import dataclass
from pathlib import Path

import msgspec

from pipelines.contracts.registered_model import RegisteredModel
from pipelines.errors import ModelError

_FORM = 1
"""How the file is written; one of another form is not read."""


@dataclass(frozen=True)
class Kept:
    """A champion as it was registered, with the bytes of its files, which are checked as MLflow's are."""

    model: RegisteredModel
    graph: bytes
    features: bytes
    form: int = _FORM


class ChampionCache:
    """One file a problem, written whole and renamed: it is the old champion's or the new one's."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def keep(self, kept: Kept) -> None:
        """Put it in the place of the one before. Raises `OSError` where it cannot be written."""
        self._folder.mkdir(parents=True, exist_ok=True)
        path = self._path(kept.model.problem)
        fresh = path.with_suffix(f".{os.getpid()}")
        with fresh.open("wb") as stream:
            stream.write(msgspec.msgpack.encode(kept))
            stream.flush()
            os.fsync(stream.fileno())
        fresh.replace(path)

    def confirm(self, problem: str, *, at: int) -> None:
        """MLflow said at that moment, in UTC microseconds, that it is champion still."""
        os.utime(self._path(problem), ns=(at * 1_000, at * 1_000))

    def forget(self, problem: str) -> None:
        """There is no champion any more."""
        self._path(problem).unlink(missing_ok=True)

    def kept(self, problem: str) -> tuple[Kept, int] | None:
        """The champion and when it was last confirmed, in UTC microseconds; None where none was kept.

        Raises `ModelError` for a file that cannot be read.
        """
        path = self._path(problem)
        try:
            found = msgspec.msgpack.decode(path.read_bytes(), type=Kept)
            confirmed = path.stat().st_mtime_ns // 1_000
        except FileNotFoundError:
            return None
        except (OSError, msgspec.DecodeError) as error:
            raise ModelError(f"{path}: no champion can be read from it ({error}); it is not used.") from error
        if found.form != _FORM or found.model.problem != problem:
            raise ModelError(f"{path}: holds no champion of {problem} in form {_FORM}; it is not used.")
        return found, confirmed

    def _path(self, problem: str) -> Path:
        return self._folder / f"{problem}.champion"
