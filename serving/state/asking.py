"""Whom a statement is about: one visitor, which is quickest, or any number of visitors and users.

A set that is read by user is read of all visitors who are linked with the user, where there are any, and
else of the visitor; `linked` are visitors whom events in flight link with the user.
"""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Literal, NamedTuple

from pipelines.gold.features.feature_set import FeatureSet
from pipelines.runtime.features.layout import quoted
from pipelines.runtime.features.reading import USER, VISITOR
from serving.state.entities import Keys

FormName = Literal["visitor", "several"]
Linked = Sequence[tuple[int, str]]
"""Places of questions, from 1, and a visitor of its user."""


class Parameters(dict[str, str]):
    """Name → type of each parameter of a statement, in their order."""

    def place(self, name: str) -> str:
        """How the statement names it."""
        return f"${list(self).index(name) + 1}"


class Asked(NamedTuple):
    """What a set's tables are joined with, the expression of each key, and of the question's place."""

    source: str
    keys: dict[str, str]
    place: str


class Form(ABC):
    """One way of asking; `keys` are all columns that name entities."""

    def __init__(self, keys: tuple[str, ...]) -> None:
        self._keys = keys

    @property
    def parameters(self) -> dict[str, str]:
        """Name → type, in the order of `arguments`."""
        return {f"key {key}": "text" for key in self._keys}

    @abstractmethod
    def arguments(self, keys: Sequence[Keys], linked: Linked) -> list[str]:
        """The parameters as constants of SQL."""

    @abstractmethod
    def shared(self, given: Parameters) -> str:
        """What comes before the statement's parts, for all of them."""

    @property
    @abstractmethod
    def owners(self) -> str | None:
        """Where the statement holds the visitors that sets read by user are read of; None: the one asked."""

    @abstractmethod
    def asked(self, feature_set: FeatureSet, given: Parameters) -> Asked:
        """How a set's rows are asked for."""


class OfVisitor(Form):
    """One question, without a user."""

    owners = None

    def arguments(self, keys: Sequence[Keys], linked: Linked) -> list[str]:  # noqa: ARG002 - there is no user
        """As in `Form`."""
        (only,) = keys
        return [_text(only.get(key)) for key in self._keys]

    def shared(self, given: Parameters) -> str:  # noqa: ARG002
        """As in `Form`."""
        return ""

    def asked(self, feature_set: FeatureSet, given: Parameters) -> Asked:
        """As in `Form`."""
        return Asked("", {key: given.place(f"key {key}") for key in feature_set.keys}, "1::bigint")


class OfSeveral(Form):
    """Any number of questions, users among them."""

    owners = "owners"

    @property
    def parameters(self) -> dict[str, str]:
        """As in `Form`."""
        keys = dict.fromkeys(super().parameters, "text[]")
        return keys | {"linked place": "bigint[]", "linked visitor": "text[]"}

    def arguments(self, keys: Sequence[Keys], linked: Linked) -> list[str]:
        """As in `Form`."""
        places = ",".join(str(place) for place, _ in linked)
        visitors = _array([visitor for _, visitor in linked])
        columns = [_array([one.get(key) for one in keys]) for key in self._keys]
        return [*columns, f"array[{places}]::bigint[]", visitors]

    def shared(self, given: Parameters) -> str:
        """As in `Form`."""
        keys = ", ".join(map(quoted, self._keys))
        others = ", ".join(f"asked.{quoted(key)}" for key in self._keys if key != VISITOR)
        arrays = ", ".join(given.place(f"key {key}") for key in self._keys)
        place, visitor = given.place("linked place"), given.place("linked visitor")
        of_user = f"select from features.links as links where links.{USER} = asked.{USER}"
        return (
            f"with asked ({keys}, place) as materialized "
            f"(select * from unnest({arrays}) with ordinality), "
            f"owners ({VISITOR}, {_listed(self._keys)}, place) as materialized ("
            f"select links.{VISITOR}, {others}, asked.place "
            f"from asked join features.links as links on links.{USER} = asked.{USER} union all "
            f"select linked.{VISITOR}, {others}, asked.place from unnest({place}, {visitor}) "
            f"as linked (place, {VISITOR}) join asked on asked.place = linked.place "
            f"where not exists ({of_user} and links.{VISITOR} = linked.{VISITOR}) union all "
            f"select asked.{VISITOR}, {others}, asked.place from asked where asked.place <> all({place}) "
            f"and not exists ({of_user})) "
        )

    def asked(self, feature_set: FeatureSet, given: Parameters) -> Asked:  # noqa: ARG002
        """As in `Form`."""
        source = "owners" if feature_set.entity.by_user else "asked"
        keys = {key: f"{source}.{quoted(key)}" for key in feature_set.keys}
        return Asked(f"{source} cross join ", keys, f"{source}.place")


FORMS: dict[FormName, type[Form]] = {"visitor": OfVisitor, "several": OfSeveral}


def _listed(keys: Sequence[str]) -> str:
    """The columns of owners besides the visitor."""
    return ", ".join(quoted(key) for key in keys if key != VISITOR)


def _array(texts: Sequence[str | None]) -> str:
    return f"array[{','.join(map(_text, texts))}]::text[]"


def _text(text: str | None) -> str:
    """A text as a constant. What no row can hold, a NUL or half a surrogate pair, is null, as unknown."""
    if text is None or "\0" in text or not _is_encodable(text):
        return "null"
    return "'" + text.replace("'", "''") + "'"


def _is_encodable(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
