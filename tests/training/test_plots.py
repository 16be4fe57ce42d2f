"""Pictures and importances: what they say agrees with the numbers, and they save without global state."""

import io

import matplotlib
import numpy as np
import pytest

from tests.training.tracking.contests import files
from tests.training.tracking.outside_models import FEATURES, shoppers
from training.examples import Examples
from training.importance import Importance, permutation_importance
from training.plots import Judged, contest_figures, drift_figure, importance_figure

ROWS, BOUGHT = shoppers(3_000, seed=11)
IDS = np.arange(len(BOUGHT)).astype(str).astype(object)
EXAMPLES = Examples(
    "checkout_purchase", FEATURES, IDS, np.arange(len(BOUGHT)), IDS, BOUGHT, np.ones(len(BOUGHT)), ROWS
)
GOOD = np.clip(0.8 * BOUGHT + 0.1, 0, 1)


def png(figure) -> bytes:
    out = io.BytesIO()
    figure.savefig(out)
    return out.getvalue()


def legend(figure) -> list[str]:
    return [one.get_text() for one in figure.axes[0].get_legend().get_texts()]


def test_contestants_in_one_picture_with_the_champion_first_and_on_top():
    others = {"dummy": np.full(len(BOUGHT), 0.1), "tree": GOOD, "gaussian": 1 - GOOD}
    figures = contest_figures(Judged(EXAMPLES, others, champion="tree"))
    assert list(figures) == ["precision_recall", "roc", "calibration", "lift"]
    for figure in figures.values():
        assert legend(figure)[:3] == ["tree (champion)", "dummy", "gaussian"]
        assert figure.axes[0].get_title(loc="left").startswith("checkout_purchase: ")
        assert png(figure).startswith(b"\x89PNG")
    lines = {line.get_label(): line for line in figures["lift"].axes[0].get_lines()}
    assert lines["dummy"].get_ydata() == pytest.approx(1.0)
    assert max(lines["tree (champion)"].get_ydata()) == pytest.approx(1 / BOUGHT.mean(), rel=0.01)
    assert "matplotlib.pyplot" not in dir(matplotlib) or not matplotlib.pyplot.get_fignums()


def test_one_model_alone_is_named_in_the_title():
    (figure, *_) = contest_figures(Judged(EXAMPLES, {"gaussian": GOOD})).values()
    assert figure.axes[0].get_title(loc="left") == "checkout_purchase, gaussian: precision and recall"
    assert legend(figure) == ["gaussian", f"by chance {BOUGHT.mean():.3f}"]


def test_calibration_shows_the_shares_of_the_rows():
    told = np.where(np.arange(len(BOUGHT)) % 2 == 0, 0.1, 0.9)
    figure = contest_figures(Judged(EXAMPLES, {"two": told}))["calibration"]
    line = figure.axes[0].get_lines()[0]
    assert list(line.get_xdata()) == pytest.approx([0.1, 0.9])
    assert list(line.get_ydata()) == pytest.approx([BOUGHT[::2].mean(), BOUGHT[1::2].mean()])


def test_importance_finds_what_shoppers_go_by():
    found = permutation_importance(files()[0], EXAMPLES, rows=1_500)
    assert [one.feature for one in found[:2]] == ["twin__saw_checkout", "twin__checked_delivery_detail"]
    assert len(found) == len(FEATURES)
    assert found[0].loss > 0.1 > abs(found[-1].loss)
    assert permutation_importance(files()[0], EXAMPLES.take(BOUGHT == 0)) == []
    assert permutation_importance(files()[0], EXAMPLES, rows=1_500) == found


def test_a_sample_of_rare_outcomes_stands_for_all_rows():
    few = EXAMPLES.take(np.concatenate([np.flatnonzero(BOUGHT)[:60], np.flatnonzero(BOUGHT == 0)]))
    whole = permutation_importance(files()[0], few, rows=len(few))
    part = permutation_importance(files()[0], few, rows=1_000)
    assert part[0].feature == whole[0].feature
    assert part[0].loss == pytest.approx(whole[0].loss, rel=0.35)
    assert few.weights.max() == 1.0


def test_bars_of_importance_and_drift():
    figure = importance_figure(
        [Importance("a", 0.2, 0.01), Importance("b", 0.1, 0)], problem="p", name="tree v3"
    )
    assert [one.get_text() for one in figure.axes[0].get_yticklabels()] == ["b", "a"]
    assert png(figure)
    drift = drift_figure({"a": 0.3, "b": 0.1}, problem="p", limit=0.2)
    colours = [one.get_facecolor() for one in drift.axes[0].patches]
    assert colours[0] != colours[1]
    assert png(drift)
    assert png(drift_figure({}, problem="p", limit=0.2))
    assert png(importance_figure([], problem="p", name="dummy"))
