"""How well visits that end in an order are ranked on UCI's Online Shoppers Purchasing Intention data.

C. O. Sakar and others (2019), 12,330 labelled visits. Each repeat: a stratified 80/20 split of the labelled
rows, nothing resampled before it; the whole fit (search, calibration, final model) sees the 80 % alone,
by the same path as every challenger, and the ONNX graph is judged on the 20 %. Rows with an empty label
are counted and left out. The last line printed is one JSON object.
"""

import argparse
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from sklearn.metrics import average_precision_score, roc_auc_score
from sklearn.model_selection import train_test_split

from pipelines.connectors.onnx_model import OnnxModel
from pipelines.gold.problems import all_problems
from training.estimators import all_estimators
from training.examples import Examples
from training.fitting import fit_challenger

DATA = Path(__file__).parents[3] / "shared" / "data" / "uci_shoppers" / "online_shoppers_intention.csv.gz"
_LABEL = "Revenue"
_MONTHS = ("Feb", "Mar", "May", "June", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_KINDS = ("Returning_Visitor", "New_Visitor", "Other")
_TRAFFIC = range(1, 21)


def read_shoppers(file: Path) -> tuple[Examples, int]:
    """The labelled visits, each its own group, and how many rows had no label."""
    frame = pd.read_csv(file)
    known = frame[_LABEL].notna()
    rows = frame[known].reset_index(drop=True)
    told = rows[_LABEL].astype(str).str.lower()
    if not told.isin(["true", "false"]).all():
        raise SystemExit(f"{file}: {_LABEL} holds {sorted(set(told))}; TRUE, FALSE or nothing is expected.")
    features = _features(rows)
    names = np.array([f"visit-{row}" for row in np.flatnonzero(known)], dtype=object)
    examples = Examples(
        problem="session_purchase",
        features=tuple(features.columns),
        row_ids=names,
        decided_at=np.arange(len(rows), dtype=np.int64),
        groups=names,
        labels=(told == "true").to_numpy(np.int64),
        weights=np.ones(len(rows)),
        values=features.to_numpy(np.float32),
    )
    return examples, int((~known).sum())


def _features(rows: pd.DataFrame) -> pd.DataFrame:
    """Fixed columns whatever rows are given, so nothing is learnt here: texts as one column a value."""
    unknown = set(rows["Month"]) - set(_MONTHS) | set(rows["VisitorType"]) - set(_KINDS)
    if unknown:
        raise SystemExit(f"values not known to this benchmark: {sorted(unknown)}")
    numbers = rows.drop(columns=[_LABEL, "Month", "VisitorType", "Weekend"]).astype(float)
    month = {f"month_{one}": rows["Month"].eq(one).astype(float) for one in _MONTHS}
    kind = {f"visitor_{one}": rows["VisitorType"].eq(one).astype(float) for one in _KINDS}
    traffic = {f"traffic_{one}": rows["TrafficType"].eq(one).astype(float) for one in _TRAFFIC}
    weekend = rows["Weekend"].astype(str).str.lower().eq("true").astype(float)
    order = rows["Month"].map({name: place for place, name in enumerate(_MONTHS)}).astype(float)
    return numbers.assign(weekend=weekend, month=order, **month, **kind, **traffic)


def uci_figures(
    seed: int,
    repeats: int,
    *,
    data: Path = DATA,
    estimator: str = "boosting_and_forest",
    budget: int = 20,
) -> dict[str, Any]:
    """Means over the repeats with their standard errors, which take repeats for independent."""
    examples, unlabelled = read_shoppers(data)
    found = []
    for repeat in range(repeats):
        found.append(_one(examples, estimator, budget=budget, seed=seed + repeat))
        tell(f"{estimator}, repeat {repeat + 1} of {repeats}: {found[-1]}")
    precision, area = (np.array([one[name] for one in found]) for name in ("precision", "area"))
    return {
        "uci_average_precision": round(float(precision.mean()), 4),
        "uci_roc_auc": round(float(area.mean()), 4),
        "uci_average_precision_error": round(_error(precision), 4),
        "uci_roc_auc_error": round(_error(area), 4),
        "uci_estimator": estimator,
        "uci_repeats": repeats,
        "uci_trials": budget,
        "uci_rows": len(examples),
        "uci_rows_without_label": unlabelled,
    }


def _one(examples: Examples, estimator: str, *, budget: int, seed: int) -> dict[str, Any]:
    rows = np.arange(len(examples))
    learnt, judged = train_test_split(rows, test_size=0.2, stratify=examples.labels, random_state=seed)
    challenger = fit_challenger(
        examples.take(np.sort(learnt)),
        all_estimators()[estimator],
        problem=all_problems()[examples.problem],
        budget=budget,
        seed=seed,
    )
    test = examples.take(np.sort(judged))
    scores = OnnxModel(challenger.file).probabilities(test.values)
    return {
        "precision": float(average_precision_score(test.labels, scores)),
        "area": float(roc_auc_score(test.labels, scores)),
        "calibration": challenger.calibration,
        "onnx_difference": challenger.onnx_difference,
        "mib": round(len(challenger.file.onnx) / 2**20, 2),
        "seconds": round(challenger.seconds, 1),
    }


def _error(figures: np.ndarray) -> float:
    return float(figures.std(ddof=1) / np.sqrt(len(figures))) if len(figures) > 1 else float("nan")


def tell(text: str) -> None:
    sys.stderr.write(text + "\n")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=DATA)
    parser.add_argument("--repeats", type=int, default=10)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--estimator", default="boosting_and_forest", choices=sorted(all_estimators()))
    parser.add_argument("--budget", type=int, default=20, help="trials of each search")
    asked = parser.parse_args()
    figures = uci_figures(
        asked.seed, asked.repeats, data=asked.data, estimator=asked.estimator, budget=asked.budget
    )
    sys.stdout.write(json.dumps(figures) + "\n")


if __name__ == "__main__":
    main()
