"""A text's hash: the same on every machine, in every interpreter."""

from hashlib import blake2b

import numpy as np
import pyarrow as pa

_HALF = 1 << 63


def hash_of(text: str) -> int:
    """64 bits, signed: the first eight bytes of BLAKE2b of the UTF-8 bytes."""
    return int.from_bytes(blake2b(text.encode(), digest_size=8).digest(), "big", signed=True)


def hashes_of(texts: pa.Array) -> pa.Array:
    """The hash of each text; null of null. A text that comes often is hashed once."""
    encoded = texts.dictionary_encode()
    found = pa.array([hash_of(text) for text in encoded.dictionary.to_pylist()], pa.int64())
    return found.take(encoded.indices)


def estimated(highest: int, size: int) -> int:
    """How many distinct texts there are when the `size` lowest hashes end with `highest`.

    The `size`-th lowest of n uniform numbers in (0, 1) is near size / n; (size - 1) / it is unbiased.
    Bar-Yossef et al., Counting Distinct Elements in a Data Stream, 2002.
    """
    share = float(highest + _HALF + 1) / float(2 * _HALF)
    return int(np.rint(float(size - 1) / share))
