"""Messages and answers for tests that need no model."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from escalate.policy import OUTPUTS, Policy, Thresholds
from escalate.prediction import Prediction
from training.corpus.labels import labels_of
from training.corpus.messages import Message
from training.evaluation.answers import Answers

POLICY = Policy(Thresholds(0.3, 0.3, 0.3), Thresholds(0.7, 0.7, 0.7))


def make_message(number: int, **fields: Any) -> Message:
    defaults = {
        "id": f"m-{number}",
        "text": "where is my parcel",
        "language": "en",
        "complexity": number % 2,
        "negative_sentiment": number // 2 % 2,
        "human_requested": number // 4 % 2,
        "group": f"g-{number % 10}",
    }
    return Message(**{**defaults, **fields})


def make_answers(
    messages: Sequence[Message], probabilities: Any = None, languages: Sequence[str] | None = None
) -> Answers:
    """Return answers that are right throughout, but for what is given."""
    labels = labels_of(messages)
    if probabilities is None:
        probabilities = np.where(np.isnan(labels), 0.5, 0.1 + 0.8 * np.nan_to_num(labels))
    languages = languages or [message.language for message in messages]
    predictions = []
    for row, language in zip(np.asarray(probabilities).tolist(), languages, strict=True):
        values = dict(zip(OUTPUTS, row, strict=True))
        decision = POLICY.decide(values, language)
        predictions.append(
            Prediction(
                **values,
                language=language,
                supported=language != "other",
                truncated=False,
                action=decision.action,
                reasons=decision.reasons,
                model="test",
            )
        )
    return Answers(messages, labels, predictions, np.asarray(probabilities, dtype=float))
