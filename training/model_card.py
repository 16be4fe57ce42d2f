"""A model's card: what it is for, what it learnt from, how good it is, where not to trust it.

M. Mitchell et al., Model Cards for Model Reporting (2019).
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from pipelines.connectors.onnx_model import ModelFile
from pipelines.gold.problem_features import set_versions
from pipelines.gold.problems.problem import Problem

_HEAD = "average_precision"


@dataclass(frozen=True)
class CardFacts:
    """What a card tells. `evaluation` as `Evaluation.as_data` gives it, `data` and `parameters` plain.

    `gates`: of the ruling's line, as JSON has them; none for a model that was not judged.
    """

    problem: Problem
    name: str
    file: ModelFile
    threshold: float
    evaluation: Mapping[str, Any]
    data: Mapping[str, Any] = field(default_factory=dict)
    parameters: Mapping[str, Any] = field(default_factory=dict)
    gates: Sequence[Mapping[str, Any]] = ()


def model_card(facts: CardFacts) -> str:
    """The card, in Markdown."""
    parts = [_purpose(facts), _quality(facts), _gates(facts), _slices(facts), _made_of(facts), _limits(facts)]
    return "\n".join(line for part in parts for line in part)


def _purpose(facts: CardFacts) -> Iterator[str]:
    problem, worth = facts.problem, facts.problem.worth
    yield f"# {facts.name} for {problem.name}"
    yield ""
    yield (
        f"The probability that {problem.meaning}, within {problem.horizon_seconds:,} s of the decision "
        f"(version {problem.version} of the problem). Acting pays from {facts.threshold:.4f} on: it costs "
        f"{worth.cost_minor} and brings {worth.benefit_minor} in minor units of the currency."
    )
    yield ""


def _quality(facts: CardFacts) -> Iterator[str]:
    found = facts.evaluation
    yield "## How good it is"
    yield ""
    yield (
        f"On {found.get('rows', 0):,} decisions of {found.get('groups', 0):,} users that it had not seen, "
        f"{found.get('positives', 0):,} with the outcome. Intervals hold in 95 of 100 samples of users."
    )
    yield ""
    yield from _table(
        ("metric", "value", "low", "high"),
        ((name, *map(_number, one.values())) for name, one in found.get("metrics", {}).items()),
    )


def _gates(facts: CardFacts) -> Iterator[str]:
    if facts.gates:
        yield "## Gates"
        yield ""
        yield from _table(
            ("gate", "found", "limit", ""),
            (_gate(one) for one in facts.gates),
        )


def _slices(facts: CardFacts) -> Iterator[str]:
    slices = facts.evaluation.get("slices", {})
    if slices:
        yield "## By slice"
        yield ""
        yield from _table(
            ("slice", "decisions", "with the outcome", "average precision"),
            (
                _slice(f"{name} = {value}", one)
                for name, values in slices.items()
                for value, one in values.items()
            ),
        )


def _gate(one: Mapping[str, Any]) -> tuple[str, ...]:
    return one["gate"], _number(one["value"]), _number(one["limit"]), "kept" if one["kept"] else "not kept"


def _slice(called: str, one: Mapping[str, Any]) -> tuple[str, ...]:
    return called, f"{one['rows']:,}", f"{one['positives']:,}", _slice_quality(one["metrics"])


def _slice_quality(metrics: Any) -> str:
    if not isinstance(metrics, Mapping):
        return str(metrics)
    found = metrics[_HEAD]
    return f"{_number(found['value'])} ({_number(found['low'])} to {_number(found['high'])})"


def _made_of(facts: CardFacts) -> Iterator[str]:
    versions = set_versions(facts.problem, facts.file.features)
    sets = ", ".join(f"{name} v{version}" for name, version in versions.items())
    yield "## What it is made of"
    yield ""
    yield f"- sets of features: {sets}"
    yield f"- {len(facts.file.features)} features: {', '.join(f'`{one}`' for one in facts.file.features)}"
    yield f"- SHA-256 of the ONNX graph: `{facts.file.sha256}`"
    yield from _list("parameters", facts.parameters)
    yield from _list("data", facts.data)
    yield ""


def _list(name: str, facts: Mapping[str, Any]) -> Iterator[str]:
    for key, value in facts.items():
        told = ", ".join(f"{k} {v}" for k, v in value.items()) if isinstance(value, Mapping) else value
        yield f"- {name}, {key}: {told}"


def _limits(facts: CardFacts) -> Iterator[str]:
    yield "## Where not to trust it"
    yield ""
    yield "- It holds while shoppers behave as in its data; drift is watched."
    yield "- Outcomes that its own actions change are no proof of its quality."
    few = [
        f"{name} = {value}"
        for name, values in facts.evaluation.get("slices", {}).items()
        for value, one in values.items()
        if not isinstance(one["metrics"], Mapping)
    ]
    if few:
        yield f"- Too few outcomes to judge it for {', '.join(few)}."


def _table(head: Sequence[str], rows: Iterator[Sequence[str]]) -> Iterator[str]:
    yield f"| {' | '.join(head)} |"
    yield f"|{' --- |' * len(head)}"
    for row in rows:
        yield f"| {' | '.join(row)} |"
    yield ""


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.4g}"
