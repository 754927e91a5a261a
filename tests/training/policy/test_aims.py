from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from training.errors import AimError
from training.policy.aims import Capacity, Costs, Recall
from training.policy.needs import Needs

Array = npt.NDArray[Any]

NEED = st.one_of(st.floats(0, 1), st.just(np.inf))
ROWS = st.lists(st.tuples(NEED, st.sampled_from([0.0, 1.0, np.nan])), min_size=1, max_size=60)


def make_needs(need: Any, must: Any = None) -> Needs:
    values = np.asarray(need, dtype=float)
    known = np.ones(len(values)) if must is None else np.asarray(must, dtype=float)
    return Needs(values, known, np.full(len(values), "en", dtype=object))


def calibrated(count: int, seed: int = 1) -> Needs:
    """Needs whose messages must reach a person exactly as often as they say."""
    random = np.random.default_rng(seed)
    need = random.beta(0.6, 1.2, count)
    return make_needs(need, (random.random(count) < need).astype(float))


@given(ROWS, st.floats(0.01, 1))
def test_capacity_is_kept_or_refused(rows: list[tuple[float, float]], share: float) -> None:
    needs = make_needs(*zip(*rows, strict=True))
    aim = Capacity(share * 1000, 1000)
    try:
        aim.check(needs)
    except AimError:
        assert (needs.need >= 1).mean() > share
    else:
        # Thresholds have six digits: needs that differ by less are handed over together.
        assert (needs.need >= aim.threshold(needs) + 1e-6).mean() <= share


@given(ROWS, st.floats(0.01, 1))
def test_recall_is_held_by_the_highest_threshold(rows: list[tuple[float, float]], share: float) -> None:
    needs = make_needs(*zip(*rows, strict=True))
    must = needs.need[needs.must == 1]
    if not len(must):
        return
    threshold = Recall(share).threshold(needs)
    assert (must >= threshold).mean() >= share - 1e-6
    above = must[must > threshold + 1e-6]
    assert len(above) < share * len(must) or threshold == 1


def test_the_lowest_threshold_within_the_capacity_is_taken() -> None:
    needs = make_needs([0.1, 0.2, 0.3, 0.4, 0.5])
    assert Capacity(2, 5).threshold(needs) == 0.4
    assert Capacity(5, 5).threshold(needs) == 0.1


@pytest.mark.parametrize("count", [10, 30, 70, 100])
def test_a_capacity_is_used_to_the_last_message(count: int) -> None:
    needs = make_needs(np.arange(count) / count)
    for most in range(1, count + 1):
        assert (needs.need >= Capacity(most, count).threshold(needs)).sum() == most


def test_equal_needs_are_handed_over_together_or_not_at_all() -> None:
    needs = make_needs([0.1, 0.3, 0.3, 0.3, 0.5])
    assert Capacity(2, 5).threshold(needs) == 0.5


def test_a_capacity_below_those_who_ask_for_a_person_is_refused() -> None:
    needs = make_needs([np.inf, np.inf, 0.2, 0.4])
    with pytest.raises(AimError, match="--capacity to at least 500 a day"):
        Capacity(400, 1000).check(needs)


def test_what_other_languages_take_is_not_there_for_a_language() -> None:
    rest = make_needs([np.inf, np.inf, 0.1, 0.1])
    aim = Capacity(500, 1000).beside(rest, 0.5, messages=10)
    assert isinstance(aim, Capacity)
    assert aim.share == pytest.approx(3 / 6)


def test_a_recall_out_of_reach_is_refused() -> None:
    needs = make_needs([-np.inf, 0.5, 0.6, 0.7])
    Recall(0.75).check(needs)
    with pytest.raises(AimError, match="allow a lower --recall"):
        Recall(0.9).check(needs)


@pytest.mark.parametrize(("missed", "hand_off"), [(50, 4), (1, 1), (1, 3), (9, 1)])
def test_with_calibrated_probabilities_costs_choose_the_threshold_of_theory(
    missed: float, hand_off: float
) -> None:
    aim = Costs(missed, hand_off)
    assert aim.in_theory == pytest.approx(hand_off / (hand_off + missed))
    assert aim.threshold(calibrated(5000)) == pytest.approx(aim.in_theory, abs=0.02)


def test_with_other_probabilities_costs_follow_the_messages() -> None:
    needs = calibrated(20_000)
    squeezed = Needs(needs.need / 4, needs.must, needs.languages)
    assert Costs(1, 1).threshold(squeezed) == pytest.approx(0.125, abs=0.03)


def test_dearer_misses_never_raise_the_threshold() -> None:
    needs = calibrated(2000)
    thresholds = [Costs(missed, 1).threshold(needs) for missed in (0.2, 1, 3, 10, 50)]
    assert thresholds == sorted(thresholds, reverse=True)


def test_chance_in_a_few_messages_does_not_move_the_threshold() -> None:
    need = np.concatenate([np.full(50, 0.02), np.full(50, 0.6), [0.04]])
    must = np.concatenate([np.zeros(50), np.ones(50), [1]])
    assert Costs(50, 4).threshold(make_needs(need, must)) == pytest.approx(4 / 54, abs=1e-6)
