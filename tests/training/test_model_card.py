"""The card says what the facts say."""

from tests.training.tracking.contests import CHECKOUT, files
from training.model_card import CardFacts, model_card

IN_GERMANY = {"value": 0.41, "low": 0.3, "high": 0.5}
EVALUATION = {
    "rows": 10_000,
    "positives": 412,
    "groups": 7_311,
    "metrics": {
        "average_precision": {"value": 0.41234, "low": 0.38, "high": 0.45},
        "lift": {"value": 3.0, "low": None, "high": None},
    },
    "slices": {
        "country": {
            "DE": {"rows": 9_990, "positives": 411, "metrics": {"average_precision": IN_GERMANY}},
            "AT": {"rows": 10, "positives": 1, "metrics": "too few"},
        }
    },
}


def test_a_card_has_all_that_is_known():
    gates = [{"gate": "row_micros", "value": 18.0, "limit": 500.0, "kept": True}]
    data = {"versions": {"gold.labelled_examples": 12}, "boundary": "2026-11-02"}
    facts = CardFacts(CHECKOUT, "tree", files()[0], 1 / 3, EVALUATION, data, {"max_depth": 6}, gates)
    card = model_card(facts)
    for line in (
        "# tree for checkout_purchase",
        "| average_precision | 0.4123 | 0.38 | 0.45 |",
        "| lift | 3 |  |  |",
        "| row_micros | 18 | 500 | kept |",
        "| country = DE | 9,990 | 411 | 0.41 (0.3 to 0.5) |",
        "| country = AT | 10 | 1 | too few |",
        "- sets of features: twin v1",
        f"- SHA-256 of the ONNX graph: `{files()[0].sha256}`",
        "- parameters, max_depth: 6",
        "- data, versions: gold.labelled_examples 12",
        "- Too few outcomes to judge it for country = AT.",
    ):
        assert line in card.splitlines()
    assert "On 10,000 decisions of 7,311 users that it had not seen, 412 with the outcome." in card
    assert CHECKOUT.meaning in card


def test_a_model_that_was_not_judged_has_a_card_too():
    assert "## Gates" not in model_card(CardFacts(CHECKOUT, "tree", files()[0], 0.3, {}))
