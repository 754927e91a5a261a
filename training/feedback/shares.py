"""Shares with intervals, and how much two of them differ."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.stats import binomtest

Array = npt.NDArray[Any]


@dataclass(frozen=True)
class Share:
    """A share (0..1) of ``count`` with its interval; all NaN where ``count`` is 0."""

    value: float
    low: float
    high: float
    count: int

    def to_dict(self) -> dict[str, float]:
        """Return the share as JSON-ready data."""
        return asdict(self)


def share(yes: Array, confidence: float) -> Share:
    """Return the share of true values and Wilson's interval.

    Source: E. B. Wilson, "Probable inference, the law of succession, and statistical inference", 1927.

    Args:
        yes: Booleans, shape (count,).
        confidence: Of the interval (0..1).
    """
    count = len(yes)
    if not count:
        return Share(np.nan, np.nan, np.nan, 0)
    test = binomtest(int(np.sum(yes)), count)
    interval = test.proportion_ci(confidence, method="wilson")
    return Share(float(test.statistic), float(interval.low), float(interval.high), count)


def difference(later: Share, earlier: Share) -> tuple[float, float, float]:
    """Return how much the later share is above the earlier, and the interval of that.

    Source: R. G. Newcombe, "Interval estimation for the difference between independent proportions:
    comparison of eleven methods", 1998, method 10.
    """
    value = later.value - earlier.value
    down = np.hypot(later.value - later.low, earlier.high - earlier.value)
    up = np.hypot(later.high - later.value, earlier.value - earlier.low)
    return value, float(value - down), float(value + up)
