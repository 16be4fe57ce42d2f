"""Models as others prepare them for checkouts: a decision tree and a Gaussian on the twin's 23 flags.

Plain scikit-learn and skl2onnx, nothing of clicklake's, on made-up shoppers of whom few buy.
"""

import json
from pathlib import Path

import numpy as np
from skl2onnx import to_onnx
from sklearn.impute import SimpleImputer
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import make_pipeline
from sklearn.tree import DecisionTreeClassifier

FLAGS = [
    "basket_icon_click",
    "basket_add_list",
    "basket_add_detail",
    "sort_by",
    "image_picker",
    "account_page_click",
    "promo_banner_click",
    "detail_wishlist_add",
    "list_size_dropdown",
    "closed_minibasket_click",
    "checked_delivery_detail",
    "checked_returns_detail",
    "sign_in",
    "saw_checkout",
    "saw_sizecharts",
    "saw_delivery",
    "saw_account_upgrade",
    "saw_homepage",
    "device_mobile",
    "device_computer",
    "device_tablet",
    "returning_user",
    "loc_uk",
]
FEATURES = tuple(f"twin__{name}" for name in FLAGS)


def shoppers(count: int = 4_000, seed: int = 3):
    """Rows of flags, and who bought: those who saw the checkout and read about delivery, mostly."""
    random = np.random.default_rng(seed)
    rows = (random.random((count, len(FLAGS))) < 0.2).astype(np.float32)
    score = 3.0 * rows[:, FLAGS.index("saw_checkout")] + 2.0 * rows[:, FLAGS.index("checked_delivery_detail")]
    return rows, (random.random(count) < 1 / (1 + np.exp(4 - score))).astype(int)


def write_outside_model(path: Path, classifier, *, named: bool = True, **options) -> Path:
    """Fits it and writes it as ONNX, with the features' names in the file's metadata."""
    rows, bought = shoppers()
    model = make_pipeline(SimpleImputer(strategy="constant", fill_value=0.0), classifier).fit(rows, bought)
    graph = to_onnx(model, rows[:1], options={id(model): {"zipmap": False, **options}})
    if named:
        entry = graph.metadata_props.add()
        entry.key, entry.value = "features", json.dumps(FEATURES)
    path.write_bytes(graph.SerializeToString())
    return path


def write_tree(path: Path) -> Path:
    return write_outside_model(path, DecisionTreeClassifier(max_depth=6, random_state=0))


def write_gaussian(path: Path) -> Path:
    return write_outside_model(path, GaussianNB())
