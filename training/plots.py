"""Pictures of models: how they rank, how true their probabilities are, what they go by, what has moved.

Only figure objects, no global state of matplotlib: contests draw in processes of many threads.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from sklearn.metrics import precision_recall_curve, roc_curve

from training.examples import Examples, Floats
from training.importance import Importance

_BINS = 10
_SHOWN = 20
_FIRST, _MUTED, _WARNING = "#1f4e79", "#9aa5b1", "#b3261e"
_COLOURS = ("#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#7a5195", "#8c6d31")


@dataclass(frozen=True)
class Judged:
    """Probabilities by contestant for the same rows. `champion`: who is highlighted, if anyone."""

    examples: Examples
    probabilities: Mapping[str, Floats]
    champion: str | None = None

    @property
    def subject(self) -> str:
        """The problem, and the model where there is one only."""
        problem, names = self.examples.problem, list(self.probabilities)
        return f"{problem}, {names[0]}" if len(names) == 1 else problem

    @property
    def base_rate(self) -> float:
        """The weighted share of rows whose outcome came."""
        return float(np.average(self.examples.labels, weights=self.examples.weights))


@dataclass(frozen=True)
class _Line:
    """How a contestant is drawn."""

    name: str
    probabilities: Floats
    colour: str
    width: float
    label: str
    is_first: bool


def contest_figures(judged: Judged) -> dict[str, Figure]:
    """Precision and recall, ROC, calibration and lift, by the name of the picture. Rows of both outcomes."""
    return {
        "precision_recall": _precision_recall(judged),
        "roc": _roc(judged),
        "calibration": _calibration(judged),
        "lift": _lift(judged),
    }


def importance_figure(found: Sequence[Importance], *, problem: str, name: str) -> Figure:
    """The most important features, the largest loss on top."""
    shown = list(found[:_SHOWN])[::-1]
    figure, axes = _bars(len(shown), f"{problem}: what {name} goes by")
    bars = axes.barh(
        [one.feature for one in shown],
        [one.loss for one in shown],
        xerr=[one.deviation for one in shown],
        color=_FIRST,
        error_kw={"ecolor": _MUTED, "capsize": 2},
    )
    axes.axvline(0, color="black", linewidth=0.8)
    axes.set_xlabel(
        f"average precision lost when the feature is shuffled ({len(bars)} of {len(found)} features)"
    )
    return figure


def drift_figure(found: Mapping[str, float], *, problem: str, limit: float) -> Figure:
    """Population stability index of the features that moved most, those beyond the limit in red."""
    shown = sorted(found.items(), key=lambda one: one[1])[-_SHOWN:]
    figure, axes = _bars(len(shown), f"{problem}: how far features have moved")
    colours = [_WARNING if value > limit else _FIRST for _, value in shown]
    axes.barh([name for name, _ in shown], [value for _, value in shown], color=colours)
    axes.axvline(limit, color=_WARNING, linestyle="--", linewidth=1, label=f"limit {limit:g}")
    axes.set_xlim(0, 1.1 * max(limit, *(value for _, value in shown)) if shown else None)
    axes.set_xlabel(f"population stability index ({len(shown)} of {len(found)} features)")
    axes.legend(loc="lower right", frameon=False)
    return figure


def _precision_recall(judged: Judged) -> Figure:
    figure, axes = _square(f"{judged.subject}: precision and recall")
    for line in _lines(judged):
        precision, recall, _ = precision_recall_curve(
            judged.examples.labels, line.probabilities, sample_weight=judged.examples.weights
        )
        precision[-1] = precision[-2]  # scikit-learn ends with a point of precision 1 that no row stands for
        _draw(axes, line, recall, precision, drawstyle="steps-post")
    _baseline(axes, [0, 1], [judged.base_rate] * 2, f"by chance {judged.base_rate:.3f}")
    axes.set(xlabel="recall", ylabel="precision", xlim=(0, 1), ylim=(0, 1.02))
    _legend(axes, "upper right")
    return figure


def _roc(judged: Judged) -> Figure:
    figure, axes = _square(f"{judged.subject}: ROC")
    for line in _lines(judged):
        wrong, right, _ = _rates(judged.examples, line.probabilities)
        _draw(axes, line, wrong, right)
    _baseline(axes, [0, 1], [0, 1], "by chance")
    axes.set(xlabel="false positive rate", ylabel="true positive rate", xlim=(0, 1), ylim=(0, 1.02))
    _legend(axes, "lower right")
    return figure


def _rates(examples: Examples, probabilities: Floats) -> tuple[Floats, Floats, Floats]:
    """False and true positive rates at each probability told: equal ones are taken together."""
    found: tuple[Floats, Floats, Floats] = roc_curve(
        examples.labels, probabilities, sample_weight=examples.weights, drop_intermediate=False
    )
    return found


def _calibration(judged: Judged) -> Figure:
    """Above the outcome's share by mean probability in tenths of the rows; below how many rows lie where."""
    figure = Figure(figsize=(6.4, 7.2), layout="constrained")
    axes, counts = figure.subplots(2, 1, height_ratios=[3, 1], sharex=True)
    axes.set_title(f"{judged.subject}: calibration", loc="left", fontweight="bold")
    highest = 0.0
    for line in _lines(judged):
        expected, observed, rows = _tenths(judged.examples, line.probabilities)
        highest = max(highest, float(expected.max()), float(observed.max()))
        _draw(axes, line, expected, observed, marker="o", markersize=4)
        if line.is_first:
            error = 1.96 * np.sqrt(observed * (1 - observed) / rows)
            axes.errorbar(expected, observed, error, fmt="none", ecolor=line.colour, alpha=0.5, capsize=2)
    highest = min(1.0, 1.1 * highest)
    for line in _lines(judged):
        edges = np.linspace(0, highest, 26)
        counted, _ = np.histogram(np.minimum(line.probabilities, highest), edges)
        counts.stairs(counted, edges, color=line.colour, linewidth=line.width)
    _baseline(axes, [0, highest], [0, highest], "calibrated")
    axes.set(ylabel="share whose outcome came", ylim=(0, highest))
    counts.set(
        xlabel="probability told (the last bar: this and above)",
        ylabel="rows",
        xlim=(0, highest),
        yscale="symlog",
    )
    _tidy(counts)
    _tidy(axes)
    _legend(axes, "upper left")
    return figure


def _tenths(examples: Examples, probabilities: Floats) -> tuple[Floats, Floats, Floats]:
    """Mean probability, share of positives and rows of each tenth; equal probabilities stay together."""
    edges = np.unique(np.quantile(probabilities, np.arange(1, _BINS) / _BINS))
    bins = np.searchsorted(edges, probabilities, side="left")
    weights, rows = np.bincount(bins, examples.weights), np.bincount(bins)
    some = weights > 0
    expected = np.bincount(bins, examples.weights * probabilities)[some] / weights[some]
    observed = np.bincount(bins, examples.weights * examples.labels)[some] / weights[some]
    return expected, observed, rows[some].astype(np.float64)


def _lift(judged: Judged) -> Figure:
    figure, axes = _square(f"{judged.subject}: lift")
    shares = np.linspace(0.01, 1, 200)
    for line in _lines(judged):
        wrong, right, _ = _rates(judged.examples, line.probabilities)
        seen = judged.base_rate * right + (1 - judged.base_rate) * wrong
        _draw(axes, line, shares, np.interp(shares, seen, right) / shares)
    _baseline(axes, [0, 1], [1, 1], "by chance")
    axes.axvline(0.1, color=_MUTED, linewidth=0.8, linestyle=":")
    axes.set(xlabel="share of decisions, the likeliest first", ylabel="outcomes, times those by chance")
    axes.set(xlim=(0, 1), ylim=(0, None))
    _legend(axes, "upper right")
    return figure


def _lines(judged: Judged) -> Iterator[_Line]:
    """The champion last, so that it lies on top; the only contestant is drawn as one."""
    alone = next(iter(judged.probabilities)) if len(judged.probabilities) == 1 else None
    first = judged.champion if judged.champion in judged.probabilities else alone
    others = [name for name in judged.probabilities if name != first]
    for place, name in enumerate(others):
        colour = _COLOURS[place % len(_COLOURS)]
        yield _Line(name, judged.probabilities[name], colour, 1.3, name, is_first=False)
    if first is not None:
        label = f"{first} (champion)" if first == judged.champion else first
        yield _Line(first, judged.probabilities[first], _FIRST, 2.6, label, is_first=True)


def _draw(axes: Axes, line: _Line, across: Floats, up: Floats, **style: Any) -> None:
    axes.plot(across, up, color=line.colour, linewidth=line.width, label=line.label, **style)


def _baseline(axes: Axes, across: Sequence[float], up: Sequence[float], label: str) -> None:
    axes.plot(across, up, color=_MUTED, linestyle="--", linewidth=1, label=label, zorder=0)


def _legend(axes: Axes, place: str) -> None:
    """The champion first, the baseline last."""
    handles, labels = axes.get_legend_handles_labels()
    contestants = len(handles) - 1
    order = [contestants - 1, *range(contestants - 1), contestants]
    axes.legend([handles[i] for i in order], [labels[i] for i in order], loc=place, frameon=False)


def _square(title: str) -> tuple[Figure, Axes]:
    figure = Figure(figsize=(6.4, 5.4), layout="constrained")
    axes = figure.subplots()
    axes.set_title(title, loc="left", fontweight="bold")
    _tidy(axes)
    return figure, axes


def _bars(count: int, title: str) -> tuple[Figure, Axes]:
    figure = Figure(figsize=(8, 1.4 + 0.26 * max(count, 3)), layout="constrained")
    axes = figure.subplots()
    axes.set_title(title, loc="left", fontweight="bold")
    _tidy(axes)
    return figure, axes


def _tidy(axes: Axes) -> None:
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(visible=True, color="#e4e7eb", linewidth=0.7)
    axes.set_axisbelow(True)
