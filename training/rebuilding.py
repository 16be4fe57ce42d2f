"""The data of a contest once more, bit for bit, from what MLflow has noted of it."""

from collections.abc import Mapping
from typing import Any

from pipelines.connectors.names import Names
from pipelines.errors import LakeError
from pipelines.gold.problems.problem import Problem
from training.contest.blocks import Block, Cut, next_block
from training.dataset import read_dataset


def rebuilt(names: Names, problem: Problem, data: Mapping[str, Any]) -> Block:
    """The block that the contest's `data` names, checked by its digests.

    Raises `LakeError` where the table's version is gone (retention, an erasure) or gives other rows.
    """
    found = next_block(read_dataset(names, problem, version=data["version"]).examples, Cut.of(data["cut"]))
    if found is None:
        raise LakeError(f"{problem.name}: the contest's decisions are not in {data['table']} any more.")
    for name, part in (("training", found.split.train), ("judging", found.split.validation)):
        if part.digest != data[name]["digest"]:
            raise LakeError(
                f"{problem.name}: version {data['version']} of {data['table']} gives other rows for {name} "
                f"than the contest had ({part.digest[:12]}, not {data[name]['digest'][:12]})."
            )
    return found
