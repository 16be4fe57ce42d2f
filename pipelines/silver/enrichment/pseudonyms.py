"""Pseudonyms: a keyed hash in place of an id. The same id gives the same one in every table."""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import lru_cache
from hashlib import blake2b
from typing import Any

Row = dict[str, Any]

_CACHED_VALUES = 32_768
_DIGEST_BYTES = 16


@dataclass(frozen=True)
class Pseudonyms:
    """Replaces `fields` of rows. Without `key` nobody can try out ids to find whose a pseudonym is."""

    key: str = field(repr=False)
    fields: tuple[str, ...]

    def replace_in(self, row: Row) -> None:
        """Put pseudonyms, 32 hexadecimal digits, in place of the fields that the row has."""
        pseudonym = _hasher(self.key)
        for name in self.fields:
            value = row.get(name)
            if value is not None:
                row[name] = pseudonym(value)


@lru_cache(maxsize=8)
def _hasher(key: str) -> Callable[[str], str]:
    """The process's hash for this key: what it remembers outlives a task of Spark."""
    # blake2b takes keys of 64 bytes at most; the hash of the key is that long, whatever the key's length.
    keyed = blake2b(digest_size=_DIGEST_BYTES, key=blake2b(key.encode()).digest())

    @lru_cache(_CACHED_VALUES)
    def pseudonym(value: str) -> str:
        state = keyed.copy()
        state.update(value.encode(errors="surrogatepass"))
        return state.hexdigest()

    return pseudonym
