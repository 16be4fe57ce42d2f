"""How a version came to be what it is."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pipelines.contracts.registered_model import RegisteredModel


@dataclass(frozen=True)
class Story:
    """How a version came to be what it is. Rulings as their contests recorded them, None where in none."""

    model: RegisteredModel
    born: Mapping[str, Any] | None
    newest: Mapping[str, Any] | None
