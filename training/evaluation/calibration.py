"""How far probabilities are from what they promise, and how far right ones would be by chance."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from training.evaluation.resampling import SEED

Array = npt.NDArray[Any]

CALIBRATION_BINS: Final = 10

_DRAWS: Final = 20_000


@dataclass(frozen=True)
class Chance:
    """The calibration error that so many answers show by chance, were the probabilities right.

    Attributes:
        mean: On average.
        most: What it exceeds only rarely.
    """

    mean: float
    most: float

    def to_dict(self) -> dict[str, float]:
        """Return it as JSON-ready data."""
        return asdict(self)


def bins_of(probabilities: Array) -> Array:
    """Return which of CALIBRATION_BINS bins of equal width each probability is in."""
    bins: Array = np.minimum((probabilities * CALIBRATION_BINS).astype(int), CALIBRATION_BINS - 1)
    return bins


def calibration_bins(probabilities: Array) -> Iterator[Array]:
    """Yield the rows in each of CALIBRATION_BINS bins of equal width, where there are any."""
    bins = bins_of(probabilities)
    for index in range(CALIBRATION_BINS):
        rows = np.flatnonzero(bins == index)
        if len(rows):
            yield rows


def calibration_error(probabilities: Array, labels: Array) -> float:
    """Return the expected calibration error over bins of equal width.

    Source: M. P. Naeini et al., "Obtaining well calibrated probabilities using Bayesian binning", 2015.
    """
    error = sum(
        len(rows) * abs(probabilities[rows].mean() - labels[rows].mean())
        for rows in calibration_bins(probabilities)
    )
    return float(error / len(labels))


def chance_error(expected: Array, rarely: float, seed: int = SEED) -> Chance:
    """Return the calibration error to expect by chance of probabilities that are right.

    With few answers the error is well above 0 even then, so it means something only beside this.
    Source: J. Bröcker and L. A. Smith, "Increasing the reliability of reliability diagrams", 2007
    (consistency resampling); the sum of the labels in a bin is drawn from its normal approximation.

    Args:
        expected: The probabilities, shape (answers,).
        rarely: How often ``most`` is exceeded (0..1).
        seed: Seed of the draws.
    """
    variances = np.bincount(bins_of(expected), expected * (1 - expected), CALIBRATION_BINS)
    drawn = np.random.default_rng(seed).standard_normal((_DRAWS, CALIBRATION_BINS)) * np.sqrt(variances)
    errors = abs(drawn).sum(1) / len(expected)
    return Chance(float(errors.mean()), float(np.quantile(errors, 1 - rarely)))
