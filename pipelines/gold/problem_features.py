"""What models of a problem may look at, by name."""

from collections.abc import Iterable

import pyarrow as pa

from pipelines.contracts.registered_model import RegisteredModel
from pipelines.errors import ModelError
from pipelines.gold.features.sets import all_sets
from pipelines.gold.problems.problem import Problem


def feature_names(problem: Problem) -> tuple[str, ...]:
    """`<set>__<column>` of each numeric column of its sets that is not left out, in the sets' order."""
    sets = all_sets()
    names = [
        f"{name}__{output.name}"
        for name in problem.sets
        for output in sets[name].outputs
        if not pa.types.is_string(output.type)
    ]
    return tuple(one for one in names if one not in problem.left_out)


def set_versions(problem: Problem, features: Iterable[str]) -> dict[str, int]:
    """The versions of those of its sets that these features are of."""
    used = {one.partition("__")[0] for one in features}
    sets = all_sets()
    return {name: sets[name].version for name in problem.sets if name in used}


def require_present_versions(problem: Problem, model: RegisteredModel) -> None:
    """The problem and the sets that a model looks at mean the same as when it was made.

    Raises `ModelError`, one sentence, where one of them has another version by now.
    """
    made = {"problem": model.problem_version, **model.set_versions}
    now = {"problem": problem.version, **set_versions(problem, feature_names(problem))}
    changed = [
        f"{name} {version} is now {now.get(name, 'none')}"
        for name, version in made.items()
        if now.get(name) != version
    ]
    if changed:
        raise ModelError(
            f"{problem.name} v{model.version} was made for other versions ({', '.join(changed)}): "
            "it cannot decide any more."
        )
