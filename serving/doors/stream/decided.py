"""The ids of decisions that were made, so that none is made again."""

from collections import OrderedDict
from collections.abc import Iterable


class Decided:
    """Remembers the newest ids, `most` of them."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._ids: OrderedDict[str, None] = OrderedDict()

    def __contains__(self, decision_id: object) -> bool:
        return decision_id in self._ids

    def __len__(self) -> int:
        return len(self._ids)

    def add(self, ids: Iterable[str]) -> None:
        """Remember these, too; the oldest are forgotten for them."""
        for one in ids:
            self._ids[one] = None
            self._ids.move_to_end(one)
        while len(self._ids) > self._most:
            self._ids.popitem(last=False)
