from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from escalate.calibration import Calibration
from escalate.policy import LANGUAGES, OUTPUTS
from training.bundle.calibrating import choose_policy, fit_calibration
from training.evaluation.metrics import calibration_error


def logits_and_labels(seed: int, count: int = 4000) -> tuple[np.ndarray, np.ndarray, list[str]]:
    random = np.random.default_rng(seed)
    probabilities = random.uniform(0.02, 0.98, (count, 3))
    labels = (random.uniform(size=(count, 3)) < probabilities).astype(np.float32)
    logits = 3 * np.log(probabilities / (1 - probabilities)) + 1.5
    return logits, labels, [LANGUAGES[i % 4] for i in range(count)]


def test_distorted_logits_become_calibrated_probabilities() -> None:
    logits, labels, languages = logits_and_labels(1)
    calibration = fit_calibration(logits, labels, languages)
    fresh, fresh_labels, _ = logits_and_labels(2)
    for i, output in enumerate(OUTPUTS):
        answers = np.array([calibration.probabilities(row, "cs")[output] for row in fresh])
        assert calibration_error(answers, fresh_labels[:, i]) < 0.04


def test_a_language_with_little_data_gets_the_common_parameters() -> None:
    logits, labels, _ = logits_and_labels(3)
    languages = ["he"] * 3990 + ["cs"] * 10
    calibration = fit_calibration(logits, labels, languages)
    assert calibration.outputs["cs"] == calibration.outputs["default"]
    assert calibration.outputs["he"] != calibration.outputs["default"]


def test_too_little_data_is_an_error() -> None:
    logits, labels, languages = logits_and_labels(4, 30)
    with pytest.raises(ValueError, match="complexity"):
        fit_calibration(logits, labels, languages)


@settings(deadline=None, max_examples=20)
@given(st.integers(0, 1000), st.floats(0.5, 1.0), st.floats(0.5, 0.99))
def test_thresholds_hold_what_they_promise(seed: int, recall: float, precision: float) -> None:
    random = np.random.default_rng(seed)
    probabilities = random.uniform(size=(300, 3))
    labels = (random.uniform(size=(300, 3)) < probabilities).astype(np.float32)
    policy = choose_policy(probabilities, labels, recall, precision)
    for i, output in enumerate(OUTPUTS):
        offer, escalate = getattr(policy.offer, output), getattr(policy.escalate, output)
        assert 0 <= offer <= escalate <= 1
        positive = labels[:, i] == 1
        assert (probabilities[positive, i] >= offer).mean() >= recall


@given(st.floats(-1e6, 1e6), st.floats(0.01, 100), st.floats(-100, 100))
def test_probabilities_stay_in_range(logit: float, slope: float, intercept: float) -> None:
    calibration = Calibration({"default": dict.fromkeys(OUTPUTS, (slope, intercept))})
    values = calibration.probabilities(np.full(3, logit), "he").values()
    assert all(0 <= value <= 1 for value in values)
