"""The entities that features can be asked for, and how a path names one."""

from collections.abc import Mapping, Sequence
from urllib.parse import unquote_to_bytes

from pipelines.contracts.fields import MAX_ID_CHARACTERS
from pipelines.gold.features.feature_set import FeatureSet
from serving.doors.http.bodies import Refusal

USER = "user_id"


class Entities:
    """By the word that stands in a path: the keys that name one, and the feature sets about it."""

    def __init__(self, sets: Mapping[str, FeatureSet]) -> None:
        self.keys: dict[str, tuple[str, ...]] = {}
        self._sets: dict[str, list[str]] = {}
        for name, one in sets.items():
            word = one.entity.name.replace(" and ", "-")
            self.keys[word] = one.entity.keys
            self._sets.setdefault(word, []).append(name)

    def of(
        self, path: Sequence[str], query: Mapping[str, str]
    ) -> tuple[str, list[str], dict[str, str | None]]:
        """The entity's word, its sets, and the keys: percent-encoded in the path, the user in the query.

        Raises `Refusal`: 404 for no entity, 422 for a key that cannot be one.
        """
        entity, *values = path
        names = self.keys.get(entity)
        if names is None:
            detail = f"there is no such entity; they are {', '.join(self.keys)}"
            raise Refusal(404, "unknown_entity", detail, field="entity")
        if len(values) != len(names):
            raise Refusal(404, "unknown_entity", f"{entity} is named by /{'/'.join(names)}", field="key")
        keys: dict[str, str | None] = dict.fromkeys((USER, "visitor_id"))
        keys |= {name: decoded(value, name) for name, value in zip(names, values, strict=True)}
        if USER in query:
            keys[USER] = decoded(query[USER], USER)
        return entity, self._sets[entity], keys


def decoded(value: str, field: str) -> str:
    """A percent-encoded id. Raises `Refusal`."""
    try:
        text = unquote_to_bytes(value).decode()
    except UnicodeDecodeError:
        raise Refusal(422, "invalid", "it is not UTF-8", field=field) from None
    if not 0 < len(text) <= MAX_ID_CHARACTERS or "\0" in text:
        raise Refusal(
            422, "invalid", f"an id has 1 to {MAX_ID_CHARACTERS} characters, none of them NUL", field=field
        )
    return text
