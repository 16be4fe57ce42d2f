"""Files of feature sets that are wrong: one sentence that names the file, and nothing replaced in silence."""

import sys
from dataclasses import replace

import pytest

from pipelines.contracts.plugins import plugins
from pipelines.errors import SettingsError
from pipelines.gold.features.aggregates.extremes import Max
from pipelines.gold.features.feature_set import Feature, FeatureSet, Ratio
from pipelines.gold.features.sets import all_sets

TWIN = all_sets()["twin"]
PRICE = Max("price_minor")
HEAD = "from dataclasses import replace\nfrom pipelines.gold.features.sets.twin import SET as TWIN\n"


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"name": "re ading"}, "its name is not of"),
        ({"name": "_twin"}, "its name is not of"),
        ({"version": 0}, "its version is 0"),
        ({"version": "1"}, "its version is '1'"),
        ({"version": True}, "its version is True"),
        ({"entity": "session"}, "its entity is 'session'"),
        ({"ttl": 5}, "its ttl is 5"),
        ({"features": (*TWIN.features, Feature("sort_by", PRICE, "m"))}, "`sort_by` is defined twice"),
        ({"features": (Feature("Sort", PRICE, "m"),)}, "`Sort` is not of"),
        ({"ratios": (Ratio("sort_by", "sign_in", "searched", "m"),)}, "`sort_by` is defined twice"),
        ({"ratios": (Ratio("share", "sign_in", "searchd", "m"),)}, "`share` is of `searchd`"),
    ],
)  # fmt: skip
def test_a_definition_that_cannot_be_is_refused(changes, said):
    with pytest.raises(SettingsError, match=r"^feature set `") as caught:
        replace(TWIN, **changes)
    assert said in str(caught.value)


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A package of plug-ins of its own."""
    (tmp_path / "trial_sets").mkdir()
    (tmp_path / "trial_sets" / "__init__.py").touch()
    monkeypatch.syspath_prepend(tmp_path)
    yield tmp_path / "trial_sets"
    for name in [one for one in sys.modules if one.startswith("trial_sets")]:
        del sys.modules[name]


def found(folder):
    return plugins("trial_sets", [str(folder)], attribute="SET", kind=FeatureSet)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "trial_sets/reading.py holds no FeatureSet named `SET`."),
        ("SET = 3", "holds no FeatureSet named `SET`."),
        ("SET = (", "trial_sets/reading.py cannot be read: SyntaxError"),
        ("from pipelines import nothing", "cannot be read: ImportError"),
        ("SET = undefined", "cannot be read: NameError"),
        (HEAD + "SET = TWIN", "trial_sets/reading.py holds `twin`: it must have the name of its file."),
        (HEAD + "SET = replace(TWIN, name='reading', version=0)", "trial_sets/reading.py: feature set `rea"),
    ],
)  # fmt: skip
def test_a_file_that_cannot_be_is_named(folder, text, said):
    (folder / "reading.py").write_text(text)
    with pytest.raises(SettingsError) as caught:
        found(folder)
    assert said in str(caught.value)


def test_a_file_that_is_new_is_found_and_the_order_is_that_of_names(folder):
    (folder / "reading.py").write_text(HEAD + "SET = replace(TWIN, name='reading')")
    assert list(found(folder)) == ["reading"]
    (folder / "early.py").write_text(HEAD + "SET = replace(TWIN, name='early')")
    assert list(found(folder)) == ["early", "reading"]
