"""The wire records, one module a topic; each holds `TOPIC`. Found by module name."""

import importlib
import pkgutil
from functools import cache

from pipelines.contracts.topic import TopicSpec


@cache
def all_topics() -> dict[str, TopicSpec]:
    """Every input topic by name."""
    found = [
        importlib.import_module(f"{__name__}.{module.name}").TOPIC
        for module in pkgutil.iter_modules(__path__)
    ]
    return {topic.name: topic for topic in found}
