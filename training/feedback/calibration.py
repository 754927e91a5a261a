"""Whether messages needed a person as often as the model's probabilities say."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from training.evaluation.calibration import CALIBRATION_BINS, bins_of, chance_error
from training.evaluation.resampling import SEED, Estimate, Measure, Resampling
from training.feedback.shares import share
from training.feedback.verdicts import Verdicts

Array = npt.NDArray[Any]


def calibrated_part(verdicts: Verdicts) -> Verdicts:
    """Return the judged decisions on messages that the model could judge too."""
    return verdicts.part(~np.isnan(verdicts.needed) & ~np.isnan(verdicts.expected))


def measure_calibration(verdicts: Verdicts, confidence: float) -> dict[str, Any] | None:
    """Return how often messages needed a person, None where there is no judged decision.

    Returns:
        ``count``; ``expected``, the mean probability that a message needed a person;
        ``observed``, the share that did; as JSON-ready data.
    """
    own = calibrated_part(verdicts)
    if not len(own.messages):
        return None
    return {
        "count": len(own.needed),
        "expected": float(own.expected.mean()),
        "observed": share(own.needed == 1, confidence).to_dict(),
    }


def measure_errors(verdicts: Verdicts, confidence: float, seed: int = SEED) -> dict[str, Any] | None:
    """Return the errors of the probabilities, None where there is no judged decision.

    Returns:
        ``brier``, the mean squared error, and ``error``, the expected calibration error over bins of
        equal width, both with bootstrap intervals; ``chance``, what ``error`` would be by chance; as
        JSON-ready data.
    """
    own = calibrated_part(verdicts)
    if not len(own.messages):
        return None
    expected, needed = own.expected, own.needed
    resampling = Resampling(own.messages, seed)
    found = _columns(expected, needed)
    return {
        "brier": _estimate(resampling, _brier, found),
        "error": _estimate(resampling, _error, found),
        "chance": chance_error(expected, 1 - confidence, seed).to_dict(),
    }


def _columns(expected: Array, needed: Array) -> Array:
    """Return what the measures sum up: ones, squared errors, and the error in the column of its bin."""
    in_bins = np.zeros((len(needed), CALIBRATION_BINS))
    in_bins[np.arange(len(needed)), bins_of(expected)] = expected - needed
    return np.column_stack([np.ones(len(needed)), (expected - needed) ** 2, in_bins])


def _brier(sums: Array) -> Array:
    brier: Array = sums[..., 1] / sums[..., 0]
    return brier


def _error(sums: Array) -> Array:
    error: Array = abs(sums[..., 2:]).sum(-1) / sums[..., 0]
    return error


def _estimate(resampling: Resampling, measure: Measure, found: Array) -> dict[str, float]:
    estimate: Estimate = resampling.estimate(measure, found)
    return estimate.to_dict()
