"""Parts of the time that verdicts are from."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]

WEEK: Final = "week"
MONTH: Final = "month"

MOST_WEEKS: Final = 26
"""Where the verdicts are from a longer time, periods are months."""


@dataclass(frozen=True)
class Period:
    """A week, from Monday on, or a month.

    Attributes:
        start: Its first day.
        rows: The places of the verdicts from it.
    """

    start: np.datetime64
    rows: Array


def unit_of(times: Sequence[datetime]) -> str:
    """Return the unit that suits the time between the first and the last."""
    return WEEK if (max(times) - min(times)).days <= 7 * MOST_WEEKS else MONTH


def periods(times: Sequence[datetime], unit: str) -> Iterator[Period]:
    """Yield the periods that have verdicts, in their order.

    Args:
        times: When each verdict is from.
        unit: WEEK or MONTH.
    """
    days = _days(times)
    # Day 0, 1 January 1970, was a Thursday.
    starts = (
        days - (days.astype(int) + 3) % 7 if unit == WEEK else days.astype("datetime64[M]").astype(days.dtype)
    )
    for start in np.unique(starts):
        yield Period(start, np.flatnonzero(starts == start))


def recent(times: Sequence[datetime], days: int) -> Array:
    """Return which verdicts are from the last so many days, counted back from the last verdict."""
    last = _days(times).max()
    within: Array = _days(times) > last - days
    return within


def _days(times: Sequence[datetime]) -> Array:
    return np.array([time.date() for time in times], dtype="datetime64[D]")
