"""What a bundle answers on labelled messages, as numbers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt
from tqdm.auto import tqdm

from escalate import Classifier
from escalate.policy import LANGUAGES, OUTPUTS
from escalate.prediction import Prediction
from training.corpus.labels import labels_of
from training.corpus.messages import Message
from training.evaluation.baselines import BASELINES
from training.evaluation.metrics import by_language, language_metrics

Array = npt.NDArray[Any]

RECALL: Final = 0.95
"""Share of the messages that must reach a person which the operation figures hold."""

HAND_OFFS: Final = 0.2
"""Share of all messages handed to a person at which the operation figures give the recall."""

_CURVE_POINTS: Final = 50


@dataclass(frozen=True)
class Answers:
    """Predictions for messages, also as arrays; the rows are the messages.

    Attributes:
        messages: The messages.
        labels: 0, 1 or NaN, shape (messages, 3).
        predictions: What the classifier answered.
        probabilities: Its probabilities, shape (messages, 3).
    """

    messages: Sequence[Message]
    labels: Array
    predictions: Sequence[Prediction]
    probabilities: Array


def answer(classifier: Classifier, messages: Sequence[Message], workers: int = 2) -> Answers:
    """Ask a classifier about messages."""
    predictions = list(
        tqdm(
            classifier.predict_many([message.text for message in messages], workers=workers),
            total=len(messages),
            desc="answering",
            unit="message",
            disable=len(messages) < 1000,
        )
    )
    rows = [[getattr(p, output) for output in OUTPUTS] for p in predictions]
    probabilities = np.array(rows).reshape(-1, len(OUTPUTS))
    return Answers(messages, labels_of(messages), predictions, probabilities)


def evaluate(answers: Answers) -> dict[str, Any]:
    """Return the metrics of answers, per language, as JSON-ready data."""
    languages = [message.language for message in answers.messages]
    return {
        "messages": len(answers.messages),
        "languages": by_language(answers.messages, answers.probabilities, answers.labels),
        "language": language_metrics(languages, [p.language for p in answers.predictions]),
        "operation": operation(answers),
    }


def operation(answers: Answers) -> dict[str, dict[str, float]]:
    """Return per language how the border works in service.

    A message must reach a person when any of its labels is 1. Messages are ranked by their highest
    probability. ``left_to_bot`` is the share of messages below the threshold that holds RECALL of
    those that must reach a person; ``recall_at_hand_offs`` is the recall when HAND_OFFS of all
    messages are handed over.
    """
    result = {}
    for language, rows, must in _judged(answers):
        need = answers.probabilities[rows].max(1)
        threshold = np.quantile(need[must], 1 - RECALL, method="lower")
        handed = need >= np.quantile(need, 1 - HAND_OFFS)
        result[language] = {
            "must_reach_a_person": float(must.mean()),
            "left_to_bot": float((need < threshold).mean()),
            "recall_at_hand_offs": _recall(handed, must),
        }
    return result


def hand_off_curve(answers: Answers) -> dict[str, list[dict[str, float]]]:
    """Return per language the recall at rising shares of messages handed to a person.

    Ranked as in ``operation``. Messages with equal need are handed over together, so a share can be
    larger than the one asked for.
    """
    result = {}
    for language, rows, must in _judged(answers):
        need = answers.probabilities[rows].max(1)
        points = [{"hand_offs": 0.0, "recall": 0.0}]
        for threshold in np.quantile(need, 1 - np.linspace(0, 1, _CURVE_POINTS + 1)[1:]):
            handed = need >= threshold
            points.append({"hand_offs": float(handed.mean()), "recall": _recall(handed, must)})
        result[language] = points
    return result


def policy_points(answers: Answers) -> dict[str, dict[str, dict[str, float]]]:
    """Return per language what the policy does: the share handed over and the recall.

    ``escalate`` counts the messages it hands over, ``offer`` also those in which it offers a person.
    """
    result = {}
    for language, rows, must in _judged(answers):
        actions = np.array([answers.predictions[row].action for row in rows])
        result[language] = {
            name: {"hand_offs": float(handed.mean()), "recall": _recall(handed, must)}
            for name, handed in (("offer", actions != "continue"), ("escalate", actions == "escalate"))
        }
    return result


def _judged(answers: Answers) -> Iterator[tuple[str, Array, Array]]:
    """Yield each language, its fully labelled rows, and which of them must reach a person, if any must."""
    languages = np.array([message.language for message in answers.messages])
    for language in LANGUAGES:
        rows = np.flatnonzero((languages == language) & ~np.isnan(answers.labels).any(1))
        must = answers.labels[rows].max(1, initial=0) == 1
        if must.any():
            yield language, rows, must


def _recall(handed: Array, must: Array) -> float:
    return float(must[handed].sum() / must.sum())


def evaluate_baselines(
    train: Sequence[Message], test: Sequence[Message]
) -> Mapping[str, dict[str, dict[str, Any]]]:
    """Return the metrics per language of every baseline, trained on ``train``."""
    learned = [m for m in train if m.language in LANGUAGES]
    judged = [m for m in test if m.language in LANGUAGES]
    labels = labels_of(judged)
    return {
        name: by_language(judged, baseline(learned, judged), labels) for name, baseline in BASELINES.items()
    }
