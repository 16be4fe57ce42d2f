"""Rows packed for a shuffle: what goes to one partition travels as a few Arrow files, not row by row.

Spark writes, compares and reads a row at a time; a pack costs it one row for thousands. Rows become Arrow
once, where they are read, and stay it to the end.
"""

from collections.abc import Callable, Iterable, Iterator

import numpy as np
import pyarrow as pa

from pipelines.gold.features.monoids import Indices

PACKED = "target int, what string, content binary"
TARGET = "_target"
"""The partition that a row goes to."""
_ROWS = 500_000
_CODEC = pa.ipc.IpcWriteOptions(compression="lz4")

Batches = Iterable[pa.RecordBatch]


def packer(what: str) -> Callable[[Batches], Iterator[pa.RecordBatch]]:
    """For mapInArrow: rows with a column `TARGET` packed by it, labelled `what`."""

    def pack(batches: Batches) -> Iterator[pa.RecordBatch]:
        for rows in _chunks(batches):
            targets = rows[TARGET].combine_chunks().to_numpy(zero_copy_only=False)
            yield from packs(what, rows.drop_columns([TARGET]), targets)

    return pack


def packs(what: str, rows: pa.Table, targets: Indices) -> Iterator[pa.RecordBatch]:
    """A pack for each target that any row goes to."""
    order = np.argsort(
        targets.astype(np.int16 if targets.max(initial=0) < 2**15 else np.int64), kind="stable"
    )
    spread = rows.take(pa.array(order)).combine_chunks()
    found, firsts = np.unique(targets[order], return_index=True)
    for target, low, high in zip(found, firsts, [*firsts[1:], len(order)], strict=True):
        content = _written(spread.slice(low, high - low))
        yield pa.RecordBatch.from_pydict(
            {"target": pa.array([target], pa.int32()), "what": [what], "content": content}
        )


def unpacked(batches: Batches) -> dict[str, pa.Table]:
    """The rows of a partition's packs by their label."""
    found: dict[str, list[pa.Table]] = {}
    for batch in batches:
        for what, content in zip(batch["what"].to_pylist(), batch["content"], strict=True):
            found.setdefault(what, []).append(pa.ipc.open_stream(content.as_buffer()).read_all())
    return {what: pa.concat_tables(tables).combine_chunks() for what, tables in found.items()}


def _chunks(batches: Batches) -> Iterator[pa.Table]:
    """The rows some hundred thousand at a time: few packs, and never many rows in memory."""
    held: list[pa.RecordBatch] = []
    for batch in batches:
        held.append(batch)
        if sum(one.num_rows for one in held) >= _ROWS:
            yield pa.Table.from_batches(held)
            held = []
    if held:
        yield pa.Table.from_batches(held)


def _written(rows: pa.Table) -> pa.Array:
    """One binary value, whose bytes are not copied again."""
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, rows.schema, options=_CODEC) as stream:
        stream.write_table(rows)
    content = sink.getvalue()
    offsets = pa.py_buffer(np.array([0, content.size], np.int32))
    return pa.Array.from_buffers(pa.binary(), 1, [None, offsets, content])
