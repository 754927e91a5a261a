"""Labels that a cross-validated model disputes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
from cleanlab.filter import find_label_issues
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedGroupKFold, cross_val_predict

from escalate.policy import LANGUAGES, OUTPUTS
from training.corpus.messages import Message
from training.errors import TicketsError
from training.tickets.reading import Tickets
from training.tickets.splitting import related
from training.tickets.vectors import read_vectors

Array = npt.NDArray[np.float64]
Labels = npt.NDArray[np.int64]

FOLDS: Final = 5
FEWEST: Final = 4 * FOLDS
"""Fewest labels of each kind with which an output can be cross-validated."""


@dataclass(frozen=True, slots=True)
class Dispute:
    """A label that the model disputes.

    Attributes:
        row: Row of the message in the source.
        message: The message.
        output: The output in question.
        given: Its label.
        probability: Of the other label, by a model that has not seen the message.
    """

    row: int
    message: Message
    output: str
    given: int
    probability: float


@dataclass(frozen=True, slots=True)
class Disputes:
    """What cross-validation found.

    Attributes:
        disputes: The most doubtful label first.
        labels: How many labels were looked at.
        skipped: Outputs that could not be checked, and why.
    """

    disputes: tuple[Dispute, ...]
    labels: int
    skipped: tuple[str, ...]


def find_label_errors(tickets: Tickets, seed: int = 1) -> Disputes:
    """Find the labels that are probably wrong.

    A logistic regression on sentence vectors of the released model gives probabilities by
    cross-validation; messages of one group and nearly equal texts are in one fold. Confident learning
    tells which labels it disputes.

    Source: C. Northcutt, L. Jiang, I. Chuang, "Confident learning: estimating uncertainty in dataset
    labels", 2021, as in cleanlab.

    Args:
        tickets: The tickets.
        seed: Seed of the folds.

    Raises:
        TicketsError: No output can be checked.
    """
    checkable, skipped = _checkable(tickets)
    needed = sorted({i for known in checkable.values() for i in known})
    messages = [tickets.messages[i] for i in needed]
    features = _features(messages)
    sets = np.empty(len(messages), dtype=np.int64)
    for number, members in enumerate(related(messages)):
        sets[members] = number
    disputes: list[Dispute] = []
    checked = 0
    for output, known in checkable.items():
        own = np.searchsorted(needed, known)
        labels = np.array([tickets.messages[i].label(output) for i in known])
        probabilities = _cross_validated(features[own], labels, sets[own], seed)
        if probabilities is None:
            skipped.append(f"{output}: nearly all messages of one label are of one group or nearly equal")
            continue
        checked += len(known)
        both = np.column_stack([1 - probabilities, probabilities])
        for k in find_label_issues(
            labels, both, return_indices_ranked_by="self_confidence", n_jobs=1
        ).tolist():
            given = int(labels[k])
            row, message = tickets.rows[known[k]], tickets.messages[known[k]]
            disputes.append(Dispute(row, message, output, given, float(both[k, 1 - given])))
    if not checked:
        raise _nothing_to_check(tickets, skipped)
    disputes.sort(key=lambda dispute: -dispute.probability)
    return Disputes(tuple(disputes), checked, tuple(skipped))


def _checkable(tickets: Tickets) -> tuple[dict[str, list[int]], list[str]]:
    """Return the positions of the labels of each output that can be checked, and why others cannot.

    Raises:
        TicketsError: There are none.
    """
    checkable: dict[str, list[int]] = {}
    skipped = []
    for output in OUTPUTS:
        known = [i for i, message in enumerate(tickets.messages) if message.label(output) is not None]
        counts = Counter(tickets.messages[i].label(output) for i in known)
        if min(counts[0], counts[1]) >= FEWEST:
            checkable[output] = known
        elif output in tickets.columns:
            skipped.append(f"{output}: {counts[1]} yes and {counts[0]} no, but {FEWEST} of each are needed")
    if not checkable:
        raise _nothing_to_check(tickets, skipped)
    return checkable, skipped


def _nothing_to_check(tickets: Tickets, skipped: Sequence[str]) -> TicketsError:
    reasons = "; ".join(skipped) or "there is no label column"
    return TicketsError(f"{tickets.source}: no label can be checked: {reasons}")


def _features(messages: Sequence[Message]) -> Array:
    """Return vectors and languages of messages, shape (messages, hidden + 4)."""
    vectors = read_vectors([message.text for message in messages])
    languages = [[message.language == language for language in LANGUAGES] for message in messages]
    return np.hstack([vectors, np.array(languages, dtype=np.float64)])


def _cross_validated(features: Array, labels: Labels, sets: Labels, seed: int) -> Array | None:
    """Return the probability of 1 for each message, by a model that saw nothing related to it.

    None where nearly all labels of one kind are related, so that a model would see only the other.
    """
    folds = list(StratifiedGroupKFold(FOLDS, shuffle=True, random_state=seed).split(features, labels, sets))
    if any(np.ptp(labels[train]) == 0 or not len(test) for train, test in folds):
        return None
    # Chosen on the validation and test split of the corpus with 8 % of the labels turned round.
    model = LogisticRegression(C=5, max_iter=2000)
    answers: Array = cross_val_predict(model, features, labels, cv=folds, method="predict_proba")[:, 1]
    return answers
