"""Fits calibration and the default policy on the validation split."""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import precision_recall_curve

from escalate.calibration import Calibration
from escalate.policy import LANGUAGES, OUTPUTS, Output, Policy, Thresholds

Array = npt.NDArray[np.float64]
Labels = npt.NDArray[np.float32]

_UNPENALISED: Final = 1e6

MINIMUM_PER_CLASS: Final = 20
"""A language is calibrated on its own from this many positive and negative messages on."""


def fit_calibration(logits: Array, labels: Labels, languages: list[str]) -> Calibration:
    """Fit Platt scaling for every output, for all languages together and for each with enough data.

    Args:
        logits: Shape (messages, 3).
        labels: 0, 1 or NaN for unknown, same shape.
        languages: Language class of each message.

    Raises:
        ValueError: An output has fewer than MINIMUM_PER_CLASS positive or negative messages.
    """
    parameters: dict[str, dict[Output, tuple[float, float]]] = {"default": {}}
    classes = np.array(languages)
    for i, output in enumerate(OUTPUTS):
        known = ~np.isnan(labels[:, i]) & np.isin(classes, LANGUAGES)
        whole = _platt(logits[known, i], labels[known, i])
        if whole is None:
            raise ValueError(
                f"{output}: the validation split has fewer than {MINIMUM_PER_CLASS} positive or "
                "negative messages; calibration needs more"
            )
        parameters["default"][output] = whole
        for language in LANGUAGES:
            own = known & (classes == language)
            fitted = _platt(logits[own, i], labels[own, i])
            parameters.setdefault(language, {})[output] = fitted or whole
    return Calibration(parameters)


def _platt(logits: Array, labels: Labels) -> tuple[float, float] | None:
    positive = int(labels.sum())
    if min(positive, len(labels) - positive) < MINIMUM_PER_CLASS:
        return None
    regression = LogisticRegression(C=_UNPENALISED).fit(logits[:, None], labels)
    slope = float(regression.coef_[0, 0])
    # A slope below zero would turn the ranking round: the data then say nothing about this output.
    return (slope, float(regression.intercept_[0])) if slope > 0 else None


def choose_policy(probabilities: Array, labels: Labels, recall: float, precision: float) -> Policy:
    """Return the default policy.

    For each output the ``offer`` threshold is the highest that holds ``recall`` of the positive
    messages, and the ``escalate`` threshold the lowest, not below it, that holds ``precision``, or
    None where none does.

    Args:
        probabilities: Calibrated, shape (messages, 3).
        labels: 0, 1 or NaN for unknown, same shape.
        recall: To hold at ``offer`` (0..1).
        precision: To hold at ``escalate`` (0..1).
    """
    offer: dict[Output, float] = {}
    escalate: dict[Output, float | None] = {}
    for i, output in enumerate(OUTPUTS):
        known = ~np.isnan(labels[:, i])
        precisions, recalls, thresholds = precision_recall_curve(labels[known, i], probabilities[known, i])
        holding = thresholds[recalls[:-1] >= recall]
        offer[output] = _floor(holding[-1])
        precise = thresholds[precisions[:-1] >= precision]
        escalate[output] = max(_floor(precise[0]), offer[output]) if len(precise) else None
    return Policy(offer=Thresholds(**offer), escalate=Thresholds(**escalate))


def _floor(threshold: float) -> float:
    """Round down to six digits, so that the message that set the threshold still reaches it."""
    return float(np.floor(threshold * 1e6) / 1e6)
