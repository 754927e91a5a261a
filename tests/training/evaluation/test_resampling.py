from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import accuracy_score, f1_score, roc_auc_score

from tests.training.making import make_message
from training.evaluation.resampling import MINIMUM_GROUPS, Resampling, accuracy, macro_f1, outcomes, ranking

RANDOM = np.random.default_rng(3)


def test_measures_equal_scikit_learn() -> None:
    for _ in range(20):
        answers, labels = RANDOM.random(50) < 0.4, (RANDOM.random(50) < 0.3).astype(float)
        counts = outcomes(answers, labels).sum(0)
        assert macro_f1(counts) == pytest.approx(f1_score(labels, answers, average="macro"))
        assert accuracy(counts) == pytest.approx(accuracy_score(labels, answers))


def test_ranking_equals_scikit_learn_with_ties_and_weights() -> None:
    for _ in range(20):
        labels, probabilities = RANDOM.integers(0, 2, 60).astype(float), RANDOM.integers(0, 9, 60) / 9
        weights = RANDOM.integers(0, 4, (3, 60)).astype(float)
        expected = [roc_auc_score(labels, probabilities, sample_weight=drawn) for drawn in weights]
        assert ranking(labels, probabilities, weights) == pytest.approx(np.array(expected))
    assert np.isnan(ranking(np.ones(3), np.zeros(3), np.ones((1, 3))))


def test_a_better_ranking_is_a_gain_and_an_equal_one_is_none() -> None:
    messages = [make_message(i, group=None) for i in range(300)]
    labels = np.where(np.arange(300) < 20, np.nan, np.arange(300) % 2)
    noise = RANDOM.normal(size=(2, 300))
    good, poor = (np.nan_to_num(labels) + spread * noise[i] for i, spread in enumerate((0.5, 2.0)))
    drawn = Resampling(messages)
    better = drawn.ranking_difference(labels, good, poor)
    assert 0 < better.low < better.value < better.high
    assert better.p_gain < 0.001
    equal = drawn.ranking_difference(labels, good, 3 * good)
    assert (equal.low, equal.value, equal.high) == (0, 0, 0)


def test_unknown_labels_do_not_count() -> None:
    labels = np.array([1.0, 0.0, np.nan])
    assert outcomes(np.array([True, True, True]), labels).sum() == 2


def test_macro_f1_needs_both_labels_and_accuracy_one() -> None:
    counts = outcomes(np.array([True, False]), np.array([1.0, 1.0])).sum(0)
    assert np.isnan(macro_f1(counts))
    assert accuracy(counts) == 0.5
    assert np.isnan(accuracy(np.zeros(4)))


def test_the_interval_holds_the_value_and_depends_on_the_seed_alone() -> None:
    messages = [make_message(i) for i in range(100)]
    found = outcomes(RANDOM.random(100) < 0.7, np.arange(100) % 2)
    first, again, other = (Resampling(messages, seed).estimate(macro_f1, found) for seed in (1, 1, 2))
    assert first.low < first.value < first.high
    assert first == again
    assert first.low != other.low


def test_the_interval_of_many_groups_is_about_that_of_theory() -> None:
    messages = [make_message(i, group=None) for i in range(400)]
    right = np.arange(400) < 300
    estimate = Resampling(messages).estimate(accuracy, outcomes(right, np.ones(400)))
    half = 1.96 * np.sqrt(0.75 * 0.25 / 400)
    assert estimate.low == pytest.approx(0.75 - half, abs=0.005)
    assert estimate.high == pytest.approx(0.75 + half, abs=0.005)


def test_groups_that_are_right_or_wrong_as_a_whole_widen_the_interval() -> None:
    right = np.arange(200) % 10 < 7
    found = outcomes(right, np.ones(200))
    grouped = Resampling([make_message(i) for i in range(200)])
    single = Resampling([make_message(i, group=None) for i in range(200)])
    assert (grouped.groups, single.groups) == (10, None)
    wide, narrow = grouped.estimate(accuracy, found), single.estimate(accuracy, found)
    assert wide.high - wide.low > 3 * (narrow.high - narrow.low)


def test_a_customer_who_writes_in_two_languages_is_one_group() -> None:
    messages = [
        make_message(i, language="en" if i % 2 else "cs", group=f"customer {i // 2}") for i in range(40)
    ]
    assert Resampling(messages).groups == 20


def test_too_few_groups_are_not_drawn() -> None:
    def groups(count: int) -> int | None:
        return Resampling([make_message(i, group=f"g-{i % count}") for i in range(60)]).groups

    assert groups(MINIMUM_GROUPS) == MINIMUM_GROUPS
    assert groups(MINIMUM_GROUPS - 1) is None


def test_messages_of_a_pair_are_drawn_together() -> None:
    assert Resampling([make_message(i, group=None, pair=f"p-{i // 2}") for i in range(20)]).groups == 10


def test_equal_answers_differ_by_exactly_nothing() -> None:
    messages = [make_message(i) for i in range(80)]
    found = outcomes(RANDOM.random(80) < 0.5, np.arange(80) % 2)
    difference = Resampling(messages).difference(macro_f1, found, found.copy())
    assert (difference.value, difference.low, difference.high) == (0, 0, 0)


def test_a_paired_difference_is_sharper_than_the_values() -> None:
    messages = [make_message(i, group=None) for i in range(200)]
    labels = np.ones(200)
    better, worse = RANDOM.random(200) < 0.7, None
    worse = better.copy()
    worse[np.flatnonzero(better)[:12]] = False
    resampling = Resampling(messages)
    found, other = outcomes(worse, labels), outcomes(better, labels)
    assert resampling.estimate(accuracy, found).high > resampling.estimate(accuracy, other).low
    assert resampling.difference(accuracy, found, other).high < 0
