from __future__ import annotations

import math

import numpy as np
import pytest

from tests.training.making import make_message
from training.corpus.labels import labels_of
from training.evaluation.metrics import by_language, language_metrics, output_metrics, pairs_both_right


def test_the_metrics_of_four_answers_are_those_of_counting_by_hand() -> None:
    metrics = output_metrics(np.array([0.9, 0.6, 0.4, 0.2]), np.array([1, 0, 1, 0]))
    assert metrics["accuracy"] == 0.5
    assert metrics["macro_f1"] == pytest.approx(0.5)
    assert metrics["auc"] == pytest.approx(3 / 4)
    assert metrics["average_precision"] == pytest.approx(0.5 * 1 + 0.5 * 2 / 3)
    assert metrics["calibration_error"] == pytest.approx((0.1 + 0.6 + 0.6 + 0.2) / 4)


def test_other_languages_are_recalled_as_often_as_they_are_recognised() -> None:
    expected = ["en", "en", "other", "other", "other"]
    answered = ["en", "other", "other", "other", "cs"]
    assert language_metrics(expected, answered) == pytest.approx({"accuracy": 3 / 5, "other_recall": 2 / 3})


def test_without_messages_in_other_languages_their_recall_is_unknown() -> None:
    metrics = language_metrics(["en", "cs"], ["en", "en"])
    assert metrics["accuracy"] == 0.5
    assert math.isnan(metrics["other_recall"])


def test_a_pair_is_right_where_both_of_its_messages_are() -> None:
    """Only in the label that differs; a message without its other half is no pair."""
    pairs = ("a", "a", "b", "b", "lonely")
    messages = [
        make_message(i, pair=pair, complexity=1 - i % 2, negative_sentiment=0, human_requested=0)
        for i, pair in enumerate(pairs)
    ]
    probabilities = np.zeros((5, 3))
    probabilities[:, 0] = (0.9, 0.1, 0.9, 0.8, 0.1)
    probabilities[:, 1] = 0.9
    assert pairs_both_right(messages, probabilities, labels_of(messages)) == 0.5
    assert by_language(messages, probabilities, labels_of(messages))["en"]["pairs_both_right"] == 0.5
    assert math.isnan(pairs_both_right(messages[4:], probabilities[4:], labels_of(messages[4:])))
