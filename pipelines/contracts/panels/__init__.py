"""The panels that people look at, one module each, holding `PANEL`. Found by module name.

Each is shown by Grafana and by the page `/dashboards`; `pipelines/contracts/panel.py` says what it may hold.
"""

import importlib
import pkgutil
from functools import cache

from pipelines.contracts.panel import Panel


@cache
def all_panels() -> dict[str, Panel]:
    """Every panel by its module's name: boards by name, in a board by place."""
    found: dict[str, Panel] = {
        module.name: importlib.import_module(f"{__name__}.{module.name}").PANEL
        for module in pkgutil.iter_modules(__path__)
    }
    return dict(sorted(found.items(), key=lambda one: (one[1].board, one[1].place, one[0])))
