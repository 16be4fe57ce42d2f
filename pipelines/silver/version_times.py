"""When each version of one key held, and for whom: plain Python, without Spark."""

from collections.abc import Sequence
from typing import NamedTuple


class Held(NamedTuple):
    """Version `number` (from 0) held in [valid_from, valid_to) for who looks from [known_from, known_to).

    Times are epoch microseconds; an end that is null is open.
    """

    number: int
    valid_from: int
    valid_to: int | None
    known_from: int
    known_to: int | None


def times_held(versions: Sequence[tuple[int, int]]) -> list[Held]:
    """When each version (valid_from, known_at) holds: the last that has begun, of those already known.

    `versions` are one key's, in the order in which the later one wins; valid_from does not fall. No two
    results overlap, and there are no more than two a version in all: a version ends where the next one
    begins, for all who know that one; for the others it goes on, until a later one begins that was known
    earlier still.
    """
    earlier_known = _next_known_earlier([known for _, known in versions])
    held: list[Held] = []
    for number, (valid_from, known) in enumerate(versions):
        since, until_known, following = valid_from, None, number + 1
        while following < len(versions) and (until_known is None or until_known > known):
            begins, known_there = versions[following]
            held.append(Held(number, since, begins, known, until_known))
            since, until_known, following = begins, known_there, earlier_known[following]
        if until_known is None or until_known > known:
            held.append(Held(number, since, None, known, until_known))
    return [one for one in held if one.valid_to is None or one.valid_to > one.valid_from]


def _next_known_earlier(known: Sequence[int]) -> list[int]:
    """For each version the next after it that was known strictly before it; their number if none was."""
    found = [len(known)] * len(known)
    waiting: list[int] = []
    for index, moment in enumerate(known):
        while waiting and known[waiting[-1]] > moment:
            found[waiting.pop()] = index
        waiting.append(index)
    return found
