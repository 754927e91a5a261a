"""The default policy of a bundle, chosen on the validation split."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from sklearn.metrics import precision_recall_curve

from escalate.policy import OUTPUTS, Output, Policy, Thresholds

Array = npt.NDArray[np.float64]
Labels = npt.NDArray[np.float32]


def choose_policy(probabilities: Array, labels: Labels, recall: float, precision: float) -> Policy:
    """Return the default policy.

    All outputs have one ``offer`` threshold: the highest that ``recall`` of the messages that must reach a
    person (positive in any output) reach in any output. The ``escalate`` threshold of each output is the
    lowest, not below it, that holds ``precision``, or None where none does.

    Args:
        probabilities: Calibrated, shape (messages, 3).
        labels: 0, 1 or NaN for unknown, same shape.
        recall: To hold at ``offer`` (0..1), of at least one message that must reach a person.
        precision: To hold at ``escalate`` (0..1).
    """
    offer = highest_threshold(probabilities[(labels == 1).any(axis=1)].max(axis=1), recall)
    escalate: dict[Output, float | None] = {}
    for i, output in enumerate(OUTPUTS):
        level = precise(probabilities[:, i], labels[:, i], precision)
        escalate[output] = None if level is None else max(level, offer)
    return Policy(offer=Thresholds(offer, offer, offer), escalate=Thresholds(**escalate))


def highest_threshold(need: Array, recall: float) -> float:
    """Return the highest threshold that holds a recall.

    Args:
        need: What is compared with the threshold, of the messages that must reach a person (at least one);
            shape (messages,).
        recall: To hold (above 0, at most 1).
    """
    falling = np.sort(need)[::-1]
    # The first of these shares that is not below the recall is that of the fewest messages that hold it.
    fewest = np.searchsorted(np.arange(1, len(falling) + 1) / len(falling), recall)
    return floor(float(falling[fewest]))


def precise(probabilities: Array, labels: Labels, precision: float) -> float | None:
    """Return the lowest threshold of an output that holds a precision, None where none does.

    Args:
        probabilities: Shape (messages,).
        labels: 0, 1 or NaN for unknown, same shape.
        precision: To hold (0..1).
    """
    known = ~np.isnan(labels)
    precisions, _, thresholds = precision_recall_curve(labels[known], probabilities[known])
    reached = thresholds[precisions[:-1] >= precision]
    return floor(reached[0]) if len(reached) else None


def floor(threshold: float) -> float:
    """Round down to six digits, so that the message that set the threshold still reaches it."""
    return float(np.floor(threshold * 1e6) / 1e6)
