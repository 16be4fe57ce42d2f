"""What the store said last of each entity, for as long as it does not answer."""

from collections import OrderedDict
from typing import NamedTuple

from pipelines.gold.features.scalar import State
from serving.state.entities import Entity
from serving.state.rows import Covered


class Kept(NamedTuple):
    """A state as it was read at a moment, UTC microseconds. `owners`: visitors that its user stood for."""

    state: State
    covered: Covered
    owners: tuple[str, ...]
    read_at: int


class LastGood:
    """The `size` entities that were read last."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._kept: OrderedDict[Entity, Kept] = OrderedDict()

    def __len__(self) -> int:
        return len(self._kept)

    def note(self, entity: Entity, kept: Kept) -> None:
        """Keep what was read."""
        self._kept[entity] = kept
        self._kept.move_to_end(entity)
        if len(self._kept) > self._size:
            self._kept.popitem(last=False)

    def find(self, entity: Entity) -> Kept | None:
        """What was read of it last, if that is still kept."""
        return self._kept.get(entity)
