"""Compares the answers of two models about the same messages.

Decisions are compared in macro-F1, at a probability of one half; for all messages together and for whole
languages the ranking is compared too (area under the ROC curve). A model that has learned nothing but how
common a label is may decide better than before and yet rank worse, and thresholds are chosen on the
ranking. All languages are ranked together as they are in service, where they share a threshold.

Some hundred differences are tested at once, so that some intervals lie below 0 by chance alone. A
difference counts as a loss where it stays one when the rate of false discoveries is held (Y. Benjamini
and Y. Hochberg, "Controlling the false discovery rate", 1995), in each of three kinds apart: decisions
about all messages and whole languages, which are few; rankings; decisions about slices.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
import numpy.typing as npt
from scipy.stats import false_discovery_control, mannwhitneyu

from escalate.policy import OUTPUTS
from training.corpus.messages import Message
from training.evaluation.answers import Answers
from training.evaluation.resampling import SEED, Array, Change, Resampling, accuracy, ranking
from training.evaluation.slices import (
    LANGUAGE,
    WHOLE,
    Dimension,
    Slice,
    enough,
    kind,
    length,
    outcomes_of,
    script,
    slices,
)
from training.formatting import ALL_LANGUAGES

COMPARED: Final[Mapping[str, Dimension]] = {"length": length, "channel": kind, "script": script}
"""The dimensions in which a candidate must not lose."""

FALSE_LOSSES: Final = 0.05
"""Share of trials of equal models in which each of the three kinds may show a loss."""

MACRO_F1: Final = "macro-F1"
ACCURACY: Final = "accuracy"
RANKING: Final = "AUC"

GUESSING: Final = 0.05
"""Probability of so good a ranking by chance from which on a candidate counts as guessing."""

MINIMUM_TO_RANK: Final = 50
"""Whether a candidate guesses is asked from this many positive and negative messages on."""


@dataclass(frozen=True)
class Difference:
    """How a candidate does beside the released model on one slice.

    Attributes:
        language: Language of the messages, ``all`` for all messages together.
        dimension: What the messages share besides, ``all`` for nothing.
        value: The value they share.
        name: An output, or ``language``.
        measure: MACRO_F1 or RANKING of an output, ACCURACY of the language.
        messages: Number of messages.
        released: Value of the released model, 0..1.
        candidate: Value of the candidate, 0..1.
        change: Candidate minus released, with its interval.
        worse: Positions of the messages that only the released model answers rightly, the worst first.
        lost: Whether the candidate is worse by more than chance explains among so many differences.
    """

    language: str
    dimension: str
    value: str
    name: str
    measure: str
    messages: int
    released: float
    candidate: float
    change: Change
    worse: tuple[int, ...]
    lost: bool = False

    @property
    def whose(self) -> str:
        """The language, for a person."""
        return ALL_LANGUAGES if self.language == WHOLE else self.language

    @property
    def where(self) -> str:
        """The slice, for a person."""
        return self.whose if self.dimension == WHOLE else f"{self.whose}, {self.value}"


@dataclass(frozen=True)
class Comparison:
    """All differences.

    Attributes:
        whole: Of the decisions about all messages together and about whole languages.
        rankings: Of the rankings of the same messages.
        slices: Of the decisions about slices of a language.
        too_small: How many decisions were about too few messages to compare.
        guessed: Outputs that the candidate tells no better than chance.
    """

    whole: tuple[Difference, ...] = ()
    rankings: tuple[Difference, ...] = ()
    slices: tuple[Difference, ...] = ()
    too_small: int = 0
    guessed: tuple[str, ...] = ()

    @property
    def differences(self) -> tuple[Difference, ...]:
        """All differences, those of slices last."""
        return (*self.whole, *self.rankings, *self.slices)

    @property
    def losses(self) -> list[Difference]:
        """The differences that are losses."""
        return [difference for difference in self.differences if difference.lost]


def compare(
    candidate: Answers, released: Answers, seed: int = SEED, *, judge_language: bool = True
) -> Comparison:
    """Compare two models as a whole, per language and per slice of it, in every output and in the language.

    Args:
        candidate: Answers of the candidate.
        released: Answers of the released model about the same messages.
        seed: Seed of the bootstrap.
        judge_language: Whether the languages of the messages are labels. Those that a model read are
            not.
    """
    messages = candidate.messages
    ours, theirs = outcomes_of(candidate), outcomes_of(released)
    if not judge_language:
        del ours[LANGUAGE]
    whole: list[Difference] = []
    rankings: list[Difference] = []
    parts: list[Difference] = []
    too_small = 0
    for part in _parts(messages):
        resampling = Resampling([messages[row] for row in part.rows], seed)
        for name, (measure, every) in ours.items():
            found, other = every[part.rows], theirs[name][1][part.rows]
            if not _wanted(part, messages, found):
                continue
            if not enough(measure, found):
                too_small += 1
                continue
            decisions = Difference(
                language=part.language,
                dimension=part.dimension,
                value=part.value,
                name=name,
                measure=ACCURACY if measure is accuracy else MACRO_F1,
                messages=int(found.sum()),
                released=float(measure(other.sum(0))),
                candidate=float(measure(found.sum(0))),
                change=resampling.difference(measure, found, other),
                worse=_worse(candidate, released, name, part.rows[_right(other) & ~_right(found)]),
            )
            if part.dimension != WHOLE:
                parts.append(decisions)
                continue
            whole.append(decisions)
            if name in OUTPUTS:
                rankings.append(_ranking(decisions, candidate, released, part.rows, resampling))
    guessed = (
        output
        for i, output in enumerate(OUTPUTS)
        if guesses(candidate.labels[:, i], candidate.probabilities[:, i])
    )
    return Comparison(_judged(whole), _judged(rankings), _judged(parts), too_small, tuple(guessed))


def _parts(messages: Sequence[Message]) -> Iterator[Slice]:
    # Of a few hundred own tickets in four languages no single language has enough to compare.
    yield Slice(WHOLE, WHOLE, WHOLE, np.arange(len(messages)))
    yield from slices(messages, COMPARED)


def _wanted(part: Slice, messages: Sequence[Message], found: Array) -> bool:
    """Tell whether a slice has labels, and all languages together more than one of them alone."""
    labelled = {messages[row].language for row in part.rows[found.any(1)].tolist()}
    return len(labelled) > (part.language == WHOLE)


def _ranking(
    decisions: Difference, candidate: Answers, released: Answers, rows: Array, resampling: Resampling
) -> Difference:
    """Return the difference of the rankings where that of the decisions is known."""
    output = OUTPUTS.index(decisions.name)
    labels = candidate.labels[rows, output]
    ours, theirs = (answers.probabilities[rows, output] for answers in (candidate, released))
    once = np.ones((1, len(rows)))
    return replace(
        decisions,
        measure=RANKING,
        released=float(ranking(labels, theirs, once)[0]),
        candidate=float(ranking(labels, ours, once)[0]),
        change=resampling.ranking_difference(labels, ours, theirs),
    )


def _judged(together: Sequence[Difference]) -> tuple[Difference, ...]:
    """Return differences of one kind, losses among them marked."""
    if not together:
        return ()
    adjusted = false_discovery_control([difference.change.p_loss for difference in together])
    return tuple(replace(d, lost=bool(p <= FALSE_LOSSES)) for d, p in zip(together, adjusted, strict=True))


def guesses(labels: Array, probabilities: Array) -> bool:
    """Tell whether probabilities rank positive messages no better than chance, where there are enough.

    Args:
        labels: Of one output, 0, 1 or NaN, shape (messages,).
        probabilities: Same shape.
    """
    positive, negative = probabilities[labels == 1], probabilities[labels == 0]
    if min(len(positive), len(negative)) < MINIMUM_TO_RANK:
        return False
    return bool(mannwhitneyu(positive, negative, alternative="greater").pvalue > GUESSING)


def _right(found: npt.NDArray[Any]) -> npt.NDArray[Any]:
    right: npt.NDArray[Any] = (found[:, 0] + found[:, 3]) > 0
    return right


def _worse(candidate: Answers, released: Answers, name: str, rows: npt.NDArray[Any]) -> tuple[int, ...]:
    if name not in OUTPUTS:
        return tuple(rows.tolist())
    column = OUTPUTS.index(name)
    moved = np.abs(candidate.probabilities[rows, column] - released.probabilities[rows, column])
    return tuple(rows[np.argsort(-moved, kind="stable")].tolist())
