"""Chance that comes out the same each time: draws by a hash of what is drawn for."""

import hashlib

_BITS = 53


class Draw:
    """Uniform draws from [0, 1) by name, independent of those of another `purpose` or `salt`.

    BLAKE2b with the salt as its key; `purpose` is at most 16 bytes.
    """

    def __init__(self, purpose: str, *, salt: str, about: str = "") -> None:
        key = hashlib.sha256(salt.encode()).digest()
        self._begun = hashlib.blake2b(digest_size=8, key=key, person=purpose.encode())
        self._begun.update(f"{about}\0".encode())

    def of(self, name: str) -> float:
        """The draw of this name: the same whenever and wherever it is asked for."""
        one = self._begun.copy()
        one.update(name.encode())
        return (int.from_bytes(one.digest()) >> (64 - _BITS)) / (1 << _BITS)
