from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from escalate.bundle import load_bundle
from tests.training.making import make_message
from training.evaluation.calibration import calibration_error, chance_error
from training.feedback.calibration import measure_calibration, measure_errors
from training.feedback.inputs import compare_texts, stability_index, told_apart
from training.feedback.periods import MONTH, WEEK, periods, recent, unit_of
from training.feedback.shares import difference, share
from training.feedback.verdicts import Verdicts

RANDOM = np.random.default_rng(4)
TIMES = st.lists(st.datetimes(datetime(1999, 1, 1), datetime(2035, 1, 1)), min_size=1, max_size=40)


def make_verdicts(expected: npt.NDArray[Any], needed: npt.NDArray[Any]) -> Verdicts:
    probabilities = np.stack([expected, *np.zeros((2, len(expected)))], axis=1)
    return Verdicts(
        messages=[make_message(i, group=None) for i in range(len(expected))],
        times=None,
        actions=np.full(len(expected), "offer", dtype=object),
        needed=needed.astype(float),
        probabilities=probabilities,
        models=(),
        rescored=None,
        source="test",
    )


def test_wilson_and_newcombe_give_the_published_numbers() -> None:
    """Newcombe 1998, table II, method 10: 56/70 against 48/80."""
    first, second = share(np.arange(70) < 56, 0.95), share(np.arange(80) < 48, 0.95)
    assert difference(first, second) == pytest.approx((0.2, 0.0524, 0.3339), abs=5e-5)
    assert (first.low, first.high) == pytest.approx((0.6918, 0.8769), abs=5e-4)


def test_pieces_that_the_model_has_no_vector_for_are_counted() -> None:
    known = [replace(make_message(0), text="where is my order")]
    unknown = [replace(make_message(0), text="where is my ⵣⴰⵎ 漢字")]
    found = compare_texts(unknown, known, load_bundle())["unknown"]
    assert 0.2 < found[0] < 0.7
    assert found[1] == 0


def test_a_share_of_nothing_is_unknown() -> None:
    assert np.isnan(share(np.zeros(0, dtype=bool), 0.95).value)


@given(TIMES, st.sampled_from([WEEK, MONTH]))
def test_every_verdict_is_in_one_period_that_began_before_it(times: list[datetime], unit: str) -> None:
    found = list(periods(times, unit))
    assert sorted(np.concatenate([period.rows for period in found]).tolist()) == list(range(len(times)))
    for period in found:
        start = period.start.astype(object)
        assert start.weekday() == 0 if unit == WEEK else start.day == 1
        for row in period.rows.tolist():
            days = (times[row].date() - start).days
            assert 0 <= days < (7 if unit == WEEK else 31)


@given(TIMES, st.integers(1, 400))
def test_recent_verdicts_are_from_the_last_days(times: list[datetime], days: int) -> None:
    last = max(times).date()
    expected = [time.date() > last - timedelta(days=days) for time in times]
    assert recent(times, days).tolist() == expected


def test_half_a_year_is_shown_in_weeks() -> None:
    start = datetime(2025, 1, 1)
    assert unit_of([start, start + timedelta(days=182)]) == WEEK
    assert unit_of([start, start + timedelta(days=184)]) == MONTH


def test_calibration_equals_that_of_the_evaluation() -> None:
    expected = RANDOM.random(300)
    needed = RANDOM.random(300) < expected**2
    verdicts = make_verdicts(expected, needed)
    measured, shares = measure_errors(verdicts, 0.95), measure_calibration(verdicts, 0.95)
    assert measured is not None
    assert shares is not None
    assert shares["expected"] == pytest.approx(expected.mean())
    assert shares["observed"]["value"] == needed.mean()
    assert measured["error"]["value"] == pytest.approx(calibration_error(expected, needed.astype(float)))
    assert measured["brier"]["value"] == pytest.approx(((expected - needed) ** 2).mean())
    assert measured["brier"]["low"] < measured["brier"]["value"] < measured["brier"]["high"]


def test_right_probabilities_exceed_the_error_of_chance_as_rarely_as_said() -> None:
    expected = RANDOM.beta(0.5, 0.5, 200)
    chance = chance_error(expected, 0.05)
    errors = [calibration_error(expected, (RANDOM.random(200) < expected).astype(float)) for _ in range(2000)]
    assert np.mean(errors) == pytest.approx(chance.mean, rel=0.05)
    assert np.mean(np.array(errors) > chance.most) == pytest.approx(0.05, abs=0.02)


def test_stability_of_equal_and_of_other_shares() -> None:
    equal = np.array([0.5, 0.3, 0.2])
    assert stability_index(equal, equal) == 0
    assert stability_index(np.array([0.6, 0.4]), np.array([0.4, 0.6])) == pytest.approx(0.4 * np.log(1.5))
    assert np.isfinite(stability_index(np.array([1.0, 0.0]), np.array([0.0, 1.0])))


def test_texts_of_one_kind_cannot_be_told_apart_and_others_can() -> None:
    def texts(words: list[str]) -> list[str]:
        return [" ".join(RANDOM.choice(words, 6)) for _ in range(150)]

    same, other = (
        ["where", "is", "my", "parcel", "please", "today"],
        ["refund", "card", "bank", "money", "charge"],
    )
    alike = told_apart(texts(same), texts(same))
    apart = told_apart(texts(same), texts(other))
    assert alike is not None
    assert alike["low"] < 0.5 < alike["high"] + 0.05
    assert apart is not None
    known = texts(same)
    repeated = told_apart(known, known)
    assert repeated is not None
    assert repeated["value"] == pytest.approx(0.5, abs=0.05)
    assert apart["low"] > 0.95
    assert told_apart(texts(same)[:20], texts(other)) is None
