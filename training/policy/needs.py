"""Which messages must reach a person, and how high the threshold may be so that they do."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from escalate.policy import OUTPUTS, Action, Output
from escalate.prediction import Prediction
from training.evaluation.answers import Answers
from training.evaluation.metrics import DECISION

Array = npt.NDArray[Any]

HUMAN: Final = OUTPUTS.index("human_requested")

HIGHEST_HUMAN: Final = DECISION
"""The ``offer`` threshold of ``human_requested`` is never higher: who more likely than not asks for a
person is always offered one, however little capacity there is."""


@dataclass(frozen=True)
class Needs:
    """What a threshold is chosen from; the rows are the messages.

    A policy with one ``offer`` threshold for the three outputs hands a message over exactly when its
    need reaches that threshold.

    Attributes:
        need: The highest of the three probabilities; infinite for a message that any such policy
            hands over, minus infinite for one that none does. Shape (messages,).
        must: 1 where the message must reach a person, 0 where not, NaN where that is not known.
        languages: The language the model reads, which is the one the policy goes by.
    """

    need: Array
    must: Array
    languages: Array

    def part(self, rows: Array) -> Needs:
        """Return the needs of some messages."""
        return Needs(self.need[rows], self.must[rows], self.languages[rows])


def needs_of(answers: Answers, unsupported: Action) -> Needs:
    """Return the needs of messages.

    Args:
        answers: What a classifier answered about labelled messages.
        unsupported: What the policy does with text the model cannot judge.
    """
    need = answers.probabilities.max(1, initial=0)
    need[answers.probabilities[:, HUMAN] >= HIGHEST_HUMAN] = np.inf
    supported = np.array([p.supported for p in answers.predictions], dtype=bool)
    need[~supported] = -np.inf if unsupported == "continue" else np.inf
    need[np.array([p.truncated for p in answers.predictions], dtype=bool)] = np.inf
    return Needs(need, must_reach(answers.labels), languages_of(answers.predictions))


def labelled_outputs(labels: Array) -> tuple[Output, ...]:
    """Return the outputs that have a label at all, of labels of shape (messages, 3)."""
    return tuple(output for i, output in enumerate(OUTPUTS) if not np.isnan(labels[:, i]).all())


def must_reach(labels: Array) -> Array:
    """Return 1 for the messages that must reach a person, 0 for the others, NaN where it is not known.

    A message must reach a person when any of its labels is 1. It is known only where every output that
    has labels at all has one here. A 1 beside a missing label would settle it too, but a 0 would not:
    counting the one and not the other would make messages that need a person look more common than
    they are.

    Args:
        labels: 0, 1 or NaN for unknown, shape (messages, 3).
    """
    columns = [OUTPUTS.index(output) for output in labelled_outputs(labels)]
    if not columns:
        return np.full(len(labels), np.nan)
    # The maximum of a row with a NaN is NaN.
    must: Array = labels[:, columns].max(1).astype(np.float64)
    return must


def languages_of(predictions: Sequence[Prediction]) -> Array:
    """Return the languages that the model reads."""
    return np.array([prediction.language for prediction in predictions], dtype=object)
