"""Compares the answers of two models about the same messages."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np

from escalate.policy import OUTPUTS
from training.evaluation.answers import Answers
from training.evaluation.resampling import SEED, Estimate, Resampling
from training.evaluation.slices import WHOLE, Dimension, enough, kind, length, outcomes_of, script, slices

COMPARED: Final[Mapping[str, Dimension]] = {"length": length, "channel": kind, "script": script}
"""The dimensions in which a candidate must not lose."""


@dataclass(frozen=True)
class Difference:
    """How a candidate does beside the shipped model on one slice.

    Attributes:
        language: Language of the messages.
        dimension: What the messages share, ``all`` for the whole language.
        value: The value they share.
        name: An output, compared in macro-F1, or ``language``, compared in accuracy.
        messages: Number of messages.
        shipped: Value of the shipped model, 0..1.
        candidate: Value of the candidate, 0..1.
        change: Candidate minus shipped, with its interval.
        worse: Positions of the messages that only the shipped model answers rightly, the worst first.
    """

    language: str
    dimension: str
    value: str
    name: str
    messages: int
    shipped: float
    candidate: float
    change: Estimate
    worse: tuple[int, ...]

    @property
    def lost(self) -> bool:
        """Whether the whole interval lies below 0."""
        return self.change.high < 0

    @property
    def where(self) -> str:
        """The slice, for a person."""
        return self.language if self.dimension == WHOLE else f"{self.language}, {self.value}"


@dataclass(frozen=True)
class Comparison:
    """All differences, and how many slices were too small to compare."""

    differences: tuple[Difference, ...]
    too_small: int

    @property
    def losses(self) -> list[Difference]:
        """The differences whose whole interval lies below 0."""
        return [difference for difference in self.differences if difference.lost]


def compare(candidate: Answers, shipped: Answers, seed: int = SEED) -> Comparison:
    """Compare two models per language and per slice of it, in every output and in the language.

    Args:
        candidate: Answers of the candidate.
        shipped: Answers of the shipped model about the same messages.
        seed: Seed of the bootstrap.
    """
    messages = candidate.messages
    ours, theirs = outcomes_of(candidate), outcomes_of(shipped)
    differences, too_small = [], 0
    for part in slices(messages, COMPARED):
        resampling = Resampling([messages[row] for row in part.rows], seed)
        for name, (measure, every) in ours.items():
            found, other = every[part.rows], theirs[name][1][part.rows]
            if not found.any():
                continue
            if not enough(measure, found):
                too_small += 1
                continue
            differences.append(
                Difference(
                    language=part.language,
                    dimension=part.dimension,
                    value=part.value,
                    name=name,
                    messages=int(found.sum()),
                    shipped=float(measure(other.sum(0))),
                    candidate=float(measure(found.sum(0))),
                    change=resampling.difference(measure, found, other),
                    worse=_worse(candidate, shipped, name, part.rows[_right(other) & ~_right(found)]),
                )
            )
    return Comparison(tuple(differences), too_small)


def _right(found: np.ndarray) -> np.ndarray:
    right: np.ndarray = (found[:, 0] + found[:, 3]) > 0
    return right


def _worse(candidate: Answers, shipped: Answers, name: str, rows: np.ndarray) -> tuple[int, ...]:
    if name not in OUTPUTS:
        return tuple(rows.tolist())
    column = OUTPUTS.index(name)
    moved = np.abs(candidate.probabilities[rows, column] - shipped.probabilities[rows, column])
    return tuple(rows[np.argsort(-moved, kind="stable")].tolist())
