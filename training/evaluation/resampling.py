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

# More of them are put together at random: the intervals stay as wide, and fit into memory.
_MOST_UNITS: Final = 3000

_MOST_WEIGHTS: Final = 1_000_000


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


def ranking(labels: Array, probabilities: Array, weights: Array) -> Array:
    """Return how well probabilities rank messages, for each of several weightings of them.

    Args:
        labels: 0, 1 or NaN for unknown, shape (messages,).
        probabilities: 0..1, same shape.
        weights: How often each message counts, shape (weightings, messages).

    Returns:
        Areas under the ROC curve, 0..1, shape (weightings,); equal probabilities count half. NaN where
        a label does not occur.
    """
    yes, no = np.flatnonzero(labels == 1), np.flatnonzero(labels == 0)
    no = no[np.argsort(probabilities[no])]
    beneath = np.zeros((len(weights), len(no) + 1))
    weights[:, no].cumsum(axis=1, out=beneath[:, 1:])
    lower, upper = (
        np.searchsorted(probabilities[no], probabilities[yes], side) for side in ("left", "right")
    )
    of_yes = weights[:, yes]
    right = (of_yes * (beneath[:, lower] + beneath[:, upper])).sum(1) / 2
    pairs = of_yes.sum(1) * beneath[:, -1]
    area: Array = np.divide(right, pairs, out=np.full_like(pairs, np.nan), where=pairs > 0)
    return area


def group_of(message: Message) -> str:
    """Return what a message is drawn and left out with: its group, else its pair, else itself."""
    # A customer may write in two languages; ids and pairs are only told apart within one.
    return message.group or f"{message.language}/{message.pair or message.id}"


@dataclass(frozen=True)
class Change(Estimate):
    """How far one number is above another, with its interval.

    Attributes:
        p_loss: Probability (0..1) of so low a value where the two are equal.
        p_gain: Probability (0..1) of so high a value where the two are equal.
    """

    p_loss: float
    p_gain: float


class Resampling:
    """Random draws of some messages, the same for everything that is measured on them."""

    def __init__(self, messages: Sequence[Message], seed: int = SEED) -> None:
        """Draw RESAMPLES times as many groups as there are, with replacement.

        Args:
            messages: Messages; one without a group goes with its pair, else on its own.
            seed: Seed of the draws.
        """
        names, units = np.unique([group_of(message) for message in messages], return_inverse=True)
        grouped = MINIMUM_GROUPS <= len(names) < len(messages)
        self.groups = len(names) if grouped else None
        """Number of groups drawn, or None where single messages are."""
        self._units = units if grouped else np.arange(len(messages))
        self._count = len(names) if grouped else len(messages)
        random = np.random.default_rng(seed)
        if self._count > _MOST_UNITS:
            self._units = random.permutation(self._count)[self._units] % _MOST_UNITS
            self._count = _MOST_UNITS
        shares = np.full(self._count, 1 / self._count)
        self._draws = random.multinomial(self._count, shares, size=RESAMPLES).astype(np.float64)

    def estimate(self, measure: Measure, found: Array) -> Estimate:
        """Return a measure of outcomes, shape (messages, 4), and its interval."""
        return self._interval(measure(found.sum(0)), measure(self._resample(found)))

    def difference(self, measure: Measure, found: Array, other: Array) -> Change:
        """Return how much a measure of ``found`` is above that of ``other``, and the interval.

        Both are outcomes of the same messages, shape (messages, 4); each draw is used for both.
        """
        value = measure(found.sum(0)) - measure(other.sum(0))
        drawn = measure(self._resample(found)) - measure(self._resample(other))
        return self._change(value, drawn, self._count)

    def ranking_difference(self, labels: Array, probabilities: Array, others: Array) -> Change:
        """Return how much better ``probabilities`` rank the messages than ``others``, and the interval.

        Args:
            labels: 0, 1 or NaN for unknown, shape (messages,).
            probabilities: 0..1, same shape.
            others: Same shape.
        """
        known = np.flatnonzero(~np.isnan(labels))
        labels, probabilities, others = labels[known], probabilities[known], others[known]
        units = self._units[known]

        def better(weights: Array) -> Array:
            return ranking(labels, probabilities, weights) - ranking(labels, others, weights)

        # A part of the draws at a time: all of them for all messages would not fit into memory.
        parts = np.array_split(self._draws, -(-len(self._draws) * len(known) // _MOST_WEIGHTS))
        drawn = np.concatenate([better(part[:, units]) for part in parts])
        # A ranking is known no better than the rarer label.
        fewest = min(len(np.unique(units[labels == label])) for label in (0, 1))
        return self._change(better(np.ones((1, len(known))))[0], drawn, fewest)

    def _change(self, value: Array, drawn: Array, units: int) -> Change:
        """Return a change, with the probabilities of a t distribution for so many units."""
        estimate = self._interval(value, drawn)
        # Counting draws could not tell probabilities below 1 / RESAMPLES apart, which many comparisons need.
        degrees = max(1, units - 1)
        error = np.nanstd(drawn) * np.sqrt((degrees + 1) / degrees)
        steps = float(value / error) if error > 0 else float(np.sign(value)) * np.inf if value else 0.0
        p_loss, p_gain = float(t.cdf(steps, degrees)), float(t.sf(steps, degrees))
        return Change(estimate.value, estimate.low, estimate.high, p_loss, p_gain)

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
