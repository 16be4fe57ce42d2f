"""Keeps the online store for one run of `update_features`: each batch once, with what it covers."""

from collections.abc import Iterable, Mapping, Sequence

import pyarrow as pa
import structlog

from pipelines.connectors.ledger import Entry
from pipelines.connectors.postgres import PostgresAddress
from pipelines.gold.features.feature_set import FeatureSet
from pipelines.runtime.features.batch import Added
from pipelines.runtime.features.going_live import Taking, note_batch, note_live, taking
from pipelines.runtime.features.links import add_links
from pipelines.runtime.features.tables import make_tables
from pipelines.runtime.features.upsert import upsert
from pipelines.runtime.streams.ledgered import Ledgered

_log = structlog.get_logger(__name__)
_WAY_OUT = "Run `clicklake run rebuild_online`."


class FeatureKeeper:
    """Writes batches of one query. Raises `LakeError` once another driver has taken the query over."""

    def __init__(self, address: PostgresAddress, *, query: str) -> None:
        self._query = query
        self._ledgered = Ledgered(address, query=query, way_out=_WAY_OUT)
        self._checked: set[str] = set()
        self._told: set[str] = set()

    def taking(self, sets: Sequence[FeatureSet], entry: Entry) -> Taking:
        """What the batch updates. Raises `LakeError` when a set is not what its version says."""
        with self._ledgered.transaction() as cursor:
            found = taking(cursor, sets, query=self._query, batch_id=entry.batch_id)
            for one in found.sets:
                if one.name not in self._checked:
                    make_tables(cursor, one)
        self._checked |= {one.name for one in found.sets}
        self._tell(one for one in sets if one not in found.sets)
        return found

    def write(
        self,
        entry: Entry,
        added: Added,
        part: Taking,
        *,
        caught_up: Mapping[str, pa.Table],
        is_exact: bool,
    ) -> None:
        """Write the batch unless it is there; `caught_up`: what joining sets lack of the batches before."""
        with self._ledgered.batch(entry) as (cursor, is_new):
            if not is_new:
                return
            for one in part.sets:
                for partials, batch_id in (
                    (caught_up.get(one.name), entry.batch_id - 1),
                    (added.partials.get(one.name), entry.batch_id),
                ):
                    if partials is not None:
                        upsert(cursor, one, partials, batch_id=batch_id)
            add_links(cursor, added.links)
            note_live(cursor, part.sets, batch_id=entry.batch_id)
            note_batch(cursor, entry.batch_id, positions=entry.positions, is_exact=is_exact)

    def close(self) -> None:
        """Let go of the connection; the next batch opens another."""
        self._ledgered.close()

    def _tell(self, waiting: Iterable[FeatureSet]) -> None:
        for one in waiting:
            if one.name not in self._told:
                self._told.add(one.name)
                way = f"clicklake run build_features {one.name}"
                _log.info("feature_set_waits", set=one.name, version=one.version, until=way)
