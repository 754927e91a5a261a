"""Confidence intervals by the bootstrap, over whole groups of messages.

Messages of one group (one writer) resemble each other, so they are drawn together: drawing them one
by one would make the intervals too narrow.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt
from scipy.stats import norm, t

from training.corpus.messages import Message

Array = npt.NDArray[Any]
Measure = Callable[[Array], Array]
"""Takes outcome counts, shape (..., 4); returns one number (0..1) for each, shape (...)."""

SEED: Final = 1
RESAMPLES: Final = 4000
CONFIDENCE: Final = 0.95

MINIMUM_GROUPS: Final = 5
"""Where there are fewer groups, single messages are drawn: a draw of so few says little."""


@dataclass(frozen=True)
class Estimate:
    """A number and its confidence interval."""

    value: float
    low: float
    high: float

    def to_dict(self) -> dict[str, float]:
        """Return the estimate as JSON-ready data."""
        return asdict(self)


def outcomes(answers: Array, labels: Array) -> Array:
    """Return what came of every answer, shape (messages, 4).

    Args:
        answers: Booleans, shape (messages,).
        labels: 0, 1 or NaN for unknown, same shape.

    Returns:
        A 1 in the column of the outcome (true positive, false positive, false negative, true
        negative); no 1 where the label is unknown.
    """
    yes, no = labels == 1, labels == 0
    return np.stack([answers & yes, answers & no, ~answers & yes, ~answers & no], axis=1).astype(np.float64)


def macro_f1(counts: Array) -> Array:
    """Return macro-F1 of outcome counts; NaN where a label does not occur."""
    true_yes, false_yes, false_no, true_no = np.moveaxis(counts, -1, 0)
    wrong = false_yes + false_no
    with np.errstate(divide="ignore", invalid="ignore"):
        value: Array = true_yes / (2 * true_yes + wrong) + true_no / (2 * true_no + wrong)
    both = (true_yes + false_no > 0) & (true_no + false_yes > 0)
    return np.where(both, value, np.nan)


def accuracy(counts: Array) -> Array:
    """Return the share of right answers of outcome counts; NaN where there are none."""
    total = counts.sum(-1)
    right = counts[..., 0] + counts[..., 3]
    share: Array = np.divide(right, total, out=np.full_like(total, np.nan), where=total > 0)
    return share


class Resampling:
    """Random draws of some messages, the same for everything that is measured on them."""

    def __init__(self, messages: Sequence[Message], seed: int = SEED) -> None:
        """Draw RESAMPLES times as many groups as there are, with replacement.

        Args:
            messages: Messages; one without a group goes with its pair, else on its own.
            seed: Seed of the draws.
        """
        keys = [f"{m.language}/{m.group or m.pair or m.id}" for m in messages]
        names, units = np.unique(keys, return_inverse=True)
        grouped = MINIMUM_GROUPS <= len(names) < len(messages)
        self.groups = len(names) if grouped else None
        """Number of groups drawn, or None where single messages are."""
        self._units = units if grouped else np.arange(len(messages))
        self._count = len(names) if grouped else len(messages)
        shares = np.full(self._count, 1 / self._count)
        self._draws = (
            np.random.default_rng(seed).multinomial(self._count, shares, size=RESAMPLES).astype(np.float64)
        )

    def estimate(self, measure: Measure, found: Array) -> Estimate:
        """Return a measure of outcomes, shape (messages, 4), and its interval."""
        return self._interval(measure(found.sum(0)), measure(self._resample(found)))

    def difference(self, measure: Measure, found: Array, other: Array) -> Estimate:
        """Return how much a measure of ``found`` is above that of ``other``, and the interval.

        Both are outcomes of the same messages, shape (messages, 4); each draw is used for both.
        """
        return self._interval(
            measure(found.sum(0)) - measure(other.sum(0)),
            measure(self._resample(found)) - measure(self._resample(other)),
        )

    def _resample(self, found: Array) -> Array:
        of_units = np.zeros((self._count, found.shape[1]))
        np.add.at(of_units, self._units, found)
        return self._draws @ of_units

    def _interval(self, value: Array, drawn: Array) -> Estimate:
        """Return the percentiles of the draws, moved outwards for the small number of groups.

        Source: T. Hesterberg, "What Teachers Should Know About the Bootstrap", 2015, section 5.3
        (expanded percentile interval).
        """
        n = max(2, self._count)
        tail = norm.cdf(np.sqrt(n / (n - 1)) * t.ppf((1 - CONFIDENCE) / 2, n - 1))
        known = drawn[~np.isnan(drawn)]
        low, high = np.quantile(known, [tail, 1 - tail]) if len(known) else (np.nan, np.nan)
        return Estimate(float(value), float(low), float(high))
