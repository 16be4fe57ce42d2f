"""What is known of one entity: which sets are about it, and what the online store says of it now."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from psycopg2.errors import InvalidSchemaName, UndefinedTable
from psycopg2.extensions import cursor as Cursor

from pipelines.connectors.postgres import PostgresAddress, open_connection
from pipelines.contracts.positions import Vector
from pipelines.errors import LakeError, SettingsError
from pipelines.gold.features.feature_set import LAST_AT, FeatureSet
from pipelines.gold.features.scalar import State, is_expired, values
from pipelines.gold.features.sets import all_sets
from pipelines.runtime.features.live import SNAPSHOT
from pipelines.runtime.features.reading import USER, VISITOR, Read, read, read_users
from pipelines.runtime.features.tables import live_sets

_STATEMENT_SECONDS = 10
_COMMITTED = """
select committed_at, extract(epoch from now() - committed_at)::double precision
from features.batches
where batch_id = %s
"""


@dataclass(frozen=True)
class About:
    """A sort of entity: the columns that name one, and the sets that are about it.

    `by_user`: the key names a user where the sets, kept by visitor, have a visitor.
    """

    name: str
    keys: tuple[str, ...]
    by_user: bool
    sets: tuple[FeatureSet, ...]


@dataclass(frozen=True)
class Known:
    """An entity as a set knows it at a moment, UTC microseconds."""

    feature_set: FeatureSet
    state: State
    at: int

    @property
    def last_event_at(self) -> int | None:
        """When its last event occurred, UTC microseconds; null: there is none."""
        found: int | None = self.state.lifetime.get(LAST_AT.name, (None,))[0]
        return found

    @property
    def is_expired(self) -> bool:
        """Whether it reads as if it had never been seen."""
        return is_expired(self.feature_set.ttl, self.state.lifetime, at=self.at)

    @property
    def values(self) -> dict[str, Any]:
        """Every output column."""
        return values(self.feature_set, self.state, at=self.at)


@dataclass(frozen=True)
class Batch:
    """The newest batch that the online store covers."""

    batch_id: int
    positions: Vector
    is_exact: bool
    committed_at: datetime
    age_seconds: float


@dataclass(frozen=True)
class KnownNow:
    """`waiting`: names of the sets that are not live. `batch` is null before the first one."""

    known: Sequence[Known]
    waiting: Sequence[str]
    batch: Batch | None


def abouts() -> list[About]:
    """Every sort of entity that some set is about, those of visitors, which users are made of, among them."""
    found: dict[tuple[str, tuple[str, ...], bool], list[FeatureSet]] = {}
    for one in all_sets().values():
        for place in _places(one):
            found.setdefault(place, []).append(one)
    return [About(*place, tuple(sets)) for place, sets in sorted(found.items())]


def about(name: str, key: Sequence[str]) -> About:
    """The sort of entity of that name.

    Raises `SettingsError` for another, for too few or many keys, and for empty ones.
    """
    named = [one for one in abouts() if one.name == name]
    if not named:
        known = ", ".join(dict.fromkeys(one.name for one in abouts()))
        raise SettingsError(f"there are no features of a `{name}`; there are of: {known}.")
    found = next((one for one in named if len(one.keys) == len(key)), None)
    if found is None:
        wanted = " or ".join(" ".join(part.upper() for part in one.keys) for one in named)
        raise SettingsError(f"a {name} is named by {len(named[0].keys)} keys, not {len(key)}: {wanted}.")
    if not all(key):
        raise SettingsError(f"a {name} is named by {' '.join(found.keys)}: none of them may be empty.")
    return found


def known_now(address: PostgresAddress, asked: About, key: Sequence[str], *, at: int) -> KnownNow:
    """What the online store says of an entity, all sets and the batch of one snapshot; `at` in UTC micros.

    Raises `ServiceError` when Postgres is away, `LakeError` when it has no features.
    """
    connection = open_connection(
        address, application="features", statement_seconds=_STATEMENT_SECONDS, read_only=True
    )
    with closing(connection), connection, connection.cursor() as cursor:
        try:
            cursor.execute(SNAPSHOT)
            live = live_sets(cursor)
            there = [one for one in asked.sets if one in live]
            reads = {one.name: _read(cursor, asked, one, key, at) for one in there}
            batch = _batch(cursor, next(iter(reads.values()), None))
        except (InvalidSchemaName, UndefinedTable):
            raise LakeError(
                f"Postgres at {address} has no features yet; the query update_features makes them."
            ) from None
    waiting = [one.name for one in asked.sets if one.name not in reads]
    return KnownNow([Known(one, reads[one.name].state, at) for one in there], waiting, batch)


def _places(feature_set: FeatureSet) -> Iterator[tuple[str, tuple[str, ...], bool]]:
    entity = feature_set.entity
    name = entity.name.replace(" and ", "_")
    if not entity.by_user:
        yield name, entity.keys, False
        return
    users: Mapping[str, str] = {VISITOR: USER}
    yield name, tuple(users.get(part, part) for part in entity.keys), True
    yield name.replace("user", "visitor"), entity.keys, False


def _read(cursor: Cursor, asked: About, feature_set: FeatureSet, key: Sequence[str], at: int) -> Read:
    reader = read_users if asked.by_user else read
    (found,) = reader(cursor, feature_set, [tuple(key)], at=at)
    return found


def _batch(cursor: Cursor, of: Read | None) -> Batch | None:
    if of is None or of.batch_id is None:
        return None
    cursor.execute(_COMMITTED, (of.batch_id,))
    committed_at, age = cursor.fetchone() or (None, 0.0)
    return Batch(of.batch_id, of.positions, of.is_exact, committed_at, age)
