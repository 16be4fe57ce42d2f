"""What MLflow's REST interface 2.0 answers, as far as it is read. Names are MLflow's."""

from collections.abc import Mapping

from msgspec import Struct, field


class Alias(Struct):
    """An alias and its version."""

    alias: str
    version: int


class Registered(Struct):
    """A registered model. The time is in milliseconds."""

    name: str
    last_updated_timestamp: int = 0
    aliases: list[Alias] = []


class RegisteredPage(Struct):
    """Of `registered-models/search`."""

    registered_models: list[Registered] = []
    next_page_token: str = ""


class Tag(Struct):
    """A tag of a version."""

    key: str
    value: str = ""


class Version(Struct):
    """A `StoredVersion`."""

    version: str
    creation_timestamp: int
    source: str = ""
    run_id: str | None = None
    tag_list: list[Tag] = field(default_factory=list, name="tags")

    @property
    def tags(self) -> Mapping[str, str]:
        """Tags by name."""
        return {one.key: one.value for one in self.tag_list}


class OneVersion(Struct):
    """Of `model-versions/get`."""

    model_version: Version


class VersionPage(Struct):
    """Of `model-versions/search`."""

    model_versions: list[Version] = []
