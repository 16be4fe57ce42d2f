"""Joining the small files of a Delta table in a local folder, and removing what was joined long ago."""

from dataclasses import dataclass

from deltalake import DeltaTable

KEPT_HOURS = 168
"""How long joined files stay, for readers and streams that still look at an older version."""
_TARGET_BYTES = 128 * 1024 * 1024


@dataclass(frozen=True)
class Compaction:
    """What was done to one table. `removed` counts files that were joined `KEPT_HOURS` ago or earlier."""

    files_before: int
    files_after: int
    removed: int


def is_table(path: str) -> bool:
    """Whether a table lies there."""
    return bool(DeltaTable.is_deltatable(path))


def compact_table(path: str) -> Compaction:
    """Join small files. Rows stay as they are, so streams that read the table see nothing new.

    Safe while others append. The table's log is checkpointed, so that the next reader begins there.
    """
    table = DeltaTable(path)
    before = len(table.file_uris())
    table.optimize.compact(target_size=_TARGET_BYTES)
    removed = table.vacuum(retention_hours=KEPT_HOURS, dry_run=False)
    table.create_checkpoint()
    return Compaction(before, len(table.file_uris()), len(removed))
