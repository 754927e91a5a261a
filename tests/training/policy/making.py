"""What thresholds are to be, worked out by trying all of them."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]

SIX_DIGITS = 2e-6
"""Thresholds are rounded down to six digits."""


def lowest_precise(probabilities: Array, labels: Array, precision: float) -> float | None:
    """Return the lowest probability from which on so large a share is positive, None where none is."""
    known = ~np.isnan(labels)
    own, positive = probabilities[known], labels[known] == 1
    precise = [level for level in own.tolist() if positive[own >= level].mean() >= precision]
    return min(precise, default=None)
