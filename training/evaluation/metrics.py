"""Numbers about a model's answers on labelled messages."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import Any, Final

import numpy as np
import numpy.typing as npt
from sklearn.metrics import average_precision_score, f1_score, roc_auc_score

from escalate.policy import LANGUAGES, OUTPUTS
from training.corpus.messages import Message
from training.evaluation.calibration import calibration_error, chance_error

Array = npt.NDArray[Any]

DECISION: Final = 0.5
"""Calibrated probability from which an output counts as answered yes."""

_RARELY: Final = 0.05


def output_metrics(probabilities: Array, labels: Array) -> dict[str, float]:
    """Return the metrics of one output.

    Args:
        probabilities: Shape (messages,), 0..1.
        labels: 0 or 1, same shape; both must occur.

    Returns:
        ``macro_f1`` and ``accuracy`` at DECISION, ``auc``, ``average_precision``, all 0..1, and the
        expected calibration error ``calibration_error`` with what that of right probabilities exceeds
        in one of twenty test splits of the same size, ``calibration_most``.
    """
    answers = probabilities >= DECISION
    return {
        "macro_f1": float(f1_score(labels, answers, average="macro")),
        "accuracy": float((answers == labels).mean()),
        "auc": float(roc_auc_score(labels, probabilities)),
        "average_precision": float(average_precision_score(labels, probabilities)),
        "calibration_error": calibration_error(probabilities, labels),
        "calibration_most": chance_error(probabilities, _RARELY).most,
    }


def contrast_pairs(messages: Sequence[Message]) -> list[list[int]]:
    """Return the rows of each contrast pair of which both messages are there."""
    rows = defaultdict(list)
    for row, message in enumerate(messages):
        if message.pair is not None:
            rows[message.pair].append(row)
    return [pair for pair in rows.values() if len(pair) == 2]


def pairs_both_right(messages: Sequence[Message], probabilities: Array, labels: Array) -> float:
    """Return the share of contrast pairs whose two messages are right in the label that differs.

    NaN where there is no pair.
    """
    right = []
    for pair in contrast_pairs(messages):
        first, second = labels[pair]
        differs = ~np.isnan(first) & ~np.isnan(second) & (first != second)
        if not differs.any():
            continue
        answers = probabilities[pair][:, differs] >= DECISION
        right.append(bool((answers == labels[pair][:, differs]).all()))
    return float(np.mean(right)) if right else float("nan")


def by_language(
    messages: Sequence[Message], probabilities: Array, labels: Array
) -> dict[str, dict[str, Any]]:
    """Return the metrics of every output and the pairs, for each of the four languages."""
    languages = np.array([message.language for message in messages])
    result: dict[str, dict[str, Any]] = {}
    for language in LANGUAGES:
        own = np.flatnonzero(languages == language)
        if not len(own):
            continue
        result[language] = {"messages": len(own)}
        for i, output in enumerate(OUTPUTS):
            known = own[~np.isnan(labels[own, i])]
            if len(set(labels[known, i])) == 2:
                result[language][output] = output_metrics(probabilities[known, i], labels[known, i])
        result[language]["pairs_both_right"] = pairs_both_right(
            [messages[row] for row in own.tolist()], probabilities[own], labels[own]
        )
    return result


def language_metrics(expected: Sequence[str], answered: Sequence[str]) -> dict[str, float]:
    """Return the share of right languages, and of ``other`` recognised (recall)."""
    right = [a == b for a, b in zip(expected, answered, strict=True)]
    other = [r for r, language in zip(right, expected, strict=True) if language == "other"]
    return {
        "accuracy": float(np.mean(right)),
        "other_recall": float(np.mean(other)) if other else float("nan"),
    }
