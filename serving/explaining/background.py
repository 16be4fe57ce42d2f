"""The explanation of a live model's decision, against a shopper of whom nothing is known."""

from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

import msgspec
import numpy as np

from pipelines.gold.features.scalar import State, values
from pipelines.gold.features.sets import all_sets
from serving.explaining.explanation import Explanation
from serving.explaining.shapley import Rows, explain
from serving.models.live import LiveModel


def explained(model: LiveModel, features: Mapping[str, Any], decision_id: str) -> Explanation:
    """What each feature that the model looks at contributed to its probability for this decision.

    The baseline is `unknown_shopper`: so the contributions tell what each thing that is known did. The same
    each time it is asked for.
    """
    row = np.array([features[name] for name in model.features], np.float32)
    found = explain(
        model.model.probabilities, model.features, row, unknown_shopper(model.features), seed=decision_id
    )
    return msgspec.structs.replace(
        found, decision_id=decision_id, model=model.name, model_version=model.version
    )


def unknown_shopper(names: Sequence[str]) -> Rows:
    """The values of these features, `<set>__<feature>`, for entities without any event."""
    return np.array(
        [_nothing(name.partition("__")[0])[name.partition("__")[2]] for name in names], np.float32
    )


@cache
def _nothing(feature_set: str) -> Mapping[str, Any]:
    return values(all_sets()[feature_set], State(), at=0)
