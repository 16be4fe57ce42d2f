"""Joining the small files of a Delta table in a local folder, and removing what was joined long ago."""

from dataclasses import dataclass

from deltalake import DeltaTable
from deltalake.exceptions import DeltaError

from pipelines.errors import LakeError

KEPT_HOURS = 168
"""How long joined files stay, for readers and streams that still look at an older version."""
_TARGET_BYTES = 128 * 1024 * 1024


@dataclass(frozen=True)
class Compaction:
    """What was done to one table. `removed` counts files that were joined long ago."""

    files_before: int
    files_after: int
    removed: int


def is_table(path: str) -> bool:
    """Whether a table lies there."""
    return bool(DeltaTable.is_deltatable(path))


def compact_table(path: str, *, keep_hours: int = KEPT_HOURS) -> Compaction:
    """Join small files. Rows stay as they are, so streams that read the table see nothing new.

    Safe while others append. The table's log is checkpointed, so that the next reader begins there. Files
    stay `keep_hours` after they were joined: fewer than `KEPT_HOURS` only where nothing else uses the table.
    Raises `LakeError` when another process rewrote the table meanwhile.
    """
    table = DeltaTable(path)
    before = len(table.file_uris())
    try:
        table.optimize.compact(target_size=_TARGET_BYTES)
        removed = table.vacuum(
            retention_hours=keep_hours, dry_run=False, enforce_retention_duration=keep_hours >= KEPT_HOURS
        )
    except DeltaError as error:
        why = " ".join(str(error).split())
        raise LakeError(f"{path}: its files were not joined, try again: {why}.") from None
    table.create_checkpoint()
    return Compaction(before, len(table.file_uris()), len(removed))
