"""The labels of messages as numbers, and how many of them are enough."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
import numpy.typing as npt

from escalate.policy import OUTPUTS
from training.corpus.messages import Message

Labels = npt.NDArray[np.float32]

MINIMUM_PER_CLASS: Final = 20
"""Messages are fitted to on their own (one language, one user) where they have this many of either label."""


def labels_of(messages: Sequence[Message]) -> Labels:
    """Return the labels of messages, shape (messages, 3), NaN for unknown."""
    rows = [[message.label(output) for output in OUTPUTS] for message in messages]
    return np.array(rows, dtype=np.float32).reshape(-1, len(OUTPUTS))


def enough_per_class(labels: Labels) -> bool:
    """Tell whether there are MINIMUM_PER_CLASS labels of either kind; unknown ones do not count."""
    return min(int((labels == 1).sum()), int((labels == 0).sum())) >= MINIMUM_PER_CLASS
