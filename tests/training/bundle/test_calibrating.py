from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from transformers import BertConfig, BertModel

from escalate.calibration import Calibration
from escalate.policy import LANGUAGES, OUTPUTS
from training.bundle.calibrating import (
    MIXED,
    OWN,
    expect_other,
    fit_calibration,
    rows_to_fit,
)
from training.corpus.labels import MINIMUM_PER_CLASS
from training.errors import ExportError
from training.evaluation.calibration import calibration_error
from training.network.model import EscalationModel

_TINY = BertConfig(
    vocab_size=8, hidden_size=4, num_hidden_layers=1, num_attention_heads=1, intermediate_size=4
)


def logits_and_labels(seed: int, count: int = 4000) -> tuple[npt.NDArray[Any], npt.NDArray[Any], list[str]]:
    random = np.random.default_rng(seed)
    probabilities = random.uniform(0.02, 0.98, (count, 3))
    labels = (random.uniform(size=(count, 3)) < probabilities).astype(np.float32)
    logits = 3 * np.log(probabilities / (1 - probabilities)) + 1.5
    return logits, labels, [LANGUAGES[i % 4] for i in range(count)]


def test_distorted_logits_become_calibrated_probabilities() -> None:
    logits, labels, languages = logits_and_labels(1)
    calibration = fit_calibration(logits, labels, languages).calibration
    fresh, fresh_labels, _ = logits_and_labels(2)
    for i, output in enumerate(OUTPUTS):
        answers = np.array([calibration.probabilities(row, "cs")[output] for row in fresh])
        assert calibration_error(answers, fresh_labels[:, i]) < 0.04


def test_a_language_with_little_data_gets_the_common_parameters() -> None:
    logits, labels, _ = logits_and_labels(3)
    languages = ["he"] * 3990 + ["cs"] * 10
    calibration = fit_calibration(logits, labels, languages).calibration
    assert calibration.outputs["cs"] == calibration.outputs["default"]
    assert calibration.outputs["he"] != calibration.outputs["default"]


def test_too_little_data_is_an_error() -> None:
    logits, labels, languages = logits_and_labels(4, 30)
    with pytest.raises(ExportError, match="complexity"):
        fit_calibration(logits, labels, languages)


def test_own_messages_count_alone_where_they_are_enough() -> None:
    own = logits_and_labels(5, 400)
    # In the other messages the probabilities are those of logits one unit higher.
    others = logits_and_labels(6, 400)
    logits = np.concatenate([own[0], others[0] - 3])
    labels = np.concatenate([own[1], others[1]])
    labels[:400, 2] = np.nan
    preferred = np.arange(800) < 400
    fit = fit_calibration(logits, labels, [*own[2], *others[2]], preferred)
    calibration = fit.calibration
    alone = fit_calibration(*own).calibration
    for output in ("complexity", "negative_sentiment"):
        assert calibration.outputs["he"][output] == alone.outputs["he"][output]
    both = fit_calibration(logits, labels, [*own[2], *others[2]]).calibration
    assert calibration.outputs["he"]["human_requested"] == both.outputs["he"]["human_requested"]
    assert calibration.outputs["he"]["complexity"] != both.outputs["he"]["complexity"]
    assert fit.fitted_on["he"] == {"complexity": OWN, "negative_sentiment": OWN, "human_requested": MIXED}


def test_own_labels_that_contradict_the_answers_are_filled_up_and_named_so() -> None:
    own, others = logits_and_labels(7, 400), logits_and_labels(8, 4000)
    logits = np.concatenate([-own[0], others[0]])
    labels = np.concatenate([own[1], others[1]])
    fit = fit_calibration(logits, labels, [*own[2], *others[2]], np.arange(4400) < 400)
    assert {name for outputs in fit.fitted_on.values() for name in outputs.values()} == {MIXED}
    assert all(slope > 0 for outputs in fit.calibration.outputs.values() for slope, _ in outputs.values())


def test_few_separable_messages_make_no_step_function() -> None:
    logits = np.tile(np.concatenate([np.full(20, 3.0), np.linspace(-6, 2, 100)])[:, None], 3)
    labels = np.tile((np.arange(120) < 20).astype(np.float32)[:, None], 3)
    calibration = fit_calibration(logits, labels, ["he"] * 120).calibration
    for logit, low, high in ((2.5, 0.2, 0.95), (3.0, 0.75, 0.92), (2.0, 0.3, 0.5)):
        found = calibration.probabilities(np.full(3, logit), "he")
        assert all(low < probability < high for probability in found.values())


few, about_enough = st.integers(0, 30), st.integers(15, 30)


@example((MINIMUM_PER_CLASS, MINIMUM_PER_CLASS, 3), (5, 0, 2), 1)
@example((MINIMUM_PER_CLASS - 1, MINIMUM_PER_CLASS, 3), (1, 5, 2), 1)
@example((MINIMUM_PER_CLASS, MINIMUM_PER_CLASS - 1, 0), (1, 0, 0), 1)
@example((0, 3, 1), (2, 0, 1), 1)
@example((0, 0, 0), (0, 0, 0), 1)
@given(st.tuples(about_enough, about_enough, few), st.tuples(few, few, few), st.integers(0, 99))
def test_own_messages_are_fitted_alone_where_both_labels_are_enough_else_all_known_ones(
    own: tuple[int, int, int], others: tuple[int, int, int], seed: int
) -> None:
    """Three numbers are those of the messages with yes, with no and with an unknown label."""
    labels = np.repeat(np.tile(np.array([1, 0, np.nan], dtype=np.float32), 2), [*own, *others])
    preferred = np.arange(len(labels)) < sum(own)
    order = np.random.default_rng(seed).permutation(len(labels))
    labels, preferred = labels[order], preferred[order]
    rows = rows_to_fit(labels, np.ones(len(labels), dtype=bool), preferred)
    known = ~np.isnan(labels)
    yes, no, _ = own
    expected = known & preferred if min(yes, no) >= MINIMUM_PER_CLASS else known
    assert rows.tolist() == expected.tolist()


@given(st.floats(-1e6, 1e6), st.floats(0.01, 100), st.floats(-100, 100))
def test_probabilities_stay_in_range(logit: float, slope: float, intercept: float) -> None:
    calibration = Calibration({"default": dict.fromkeys(OUTPUTS, (slope, intercept))})
    values = calibration.probabilities(np.full(3, logit), "he").values()
    assert all(0 <= value <= 1 for value in values)


@given(st.integers(1, 50), st.integers(1, 50), st.floats(0.001, 0.999))
def test_odds_of_other_languages_are_those_of_the_service(others: int, known: int, share: float) -> None:
    learned = [*["other"] * others, *["en"] * known]
    model = EscalationModel(BertModel(_TINY, add_pooling_layer=False))
    expect_other(model, learned, share)
    change = model.language.bias.detach().numpy()
    # What the corpus says of "other" is weighed anew; the other languages stay as they are to each other.
    assert change[:-1].tolist() == [0.0] * len(LANGUAGES)
    odds = others / known * np.exp(change[-1])
    assert odds == pytest.approx(share / (1 - share), rel=1e-4)


@pytest.mark.parametrize("languages", [("other",), ("cs",), ()])
def test_nothing_is_expected_anew_where_one_kind_was_never_learned(languages: tuple[str, ...]) -> None:
    model = EscalationModel(BertModel(_TINY, add_pooling_layer=False))
    expect_other(model, languages, 0.01)
    assert not model.language.bias.any()
