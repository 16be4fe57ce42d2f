"""The streaming queries of a lake, one module each that holds `QUERY`. Found by module name."""

import importlib
import pkgutil
from functools import cache
from graphlib import TopologicalSorter

from pipelines.runtime.streams.site import Query


@cache
def all_queries() -> dict[str, Query]:
    """Every query by name; one that reads another's tables comes after it."""
    modules = sorted(pkgutil.iter_modules(__path__), key=lambda one: one.name)
    found: list[Query] = [importlib.import_module(f"{__name__}.{one.name}").QUERY for one in modules]
    named = {query.name: query for query in found}
    order = TopologicalSorter({query.name: query.follows for query in found})
    return {name: named[name] for name in order.static_order()}
