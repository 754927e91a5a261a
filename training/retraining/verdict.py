"""A plain verdict: on what one model is better than another, on what worse, and what cannot be told."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy.typing as npt

from escalate.policy import OUTPUTS
from training.evaluation.slices import MINIMUM_MESSAGES
from training.formatting import ALL_LANGUAGES, OUTPUT_NAMES
from training.release.comparison import guesses
from training.retraining.findings import SAME, Finding

Array = npt.NDArray[Any]


def verdict(findings: Sequence[Finding]) -> list[str]:
    """Return what the findings say, in sentences; points are hundredths of macro-F1."""
    sentences = []
    for kind, word in (("better", "Better"), ("worse", "Worse")):
        if these := [f for f in findings if f.kind == kind]:
            sentences.append(f"{word} on {_listed([_points(f) for f in these])}.")
    same = [f for f in findings if f.kind == "same"]
    if same and len(same) == len(findings):
        sentences.append(f"No difference anywhere: all lie within {SAME * 100:.0f} points.")
    elif same:
        names = _listed([f.name for f in same])
        sentences.append(f"No difference, within {SAME * 100:.0f} points, on {names}.")
    return sentences + _too_few(findings)


def _too_few(findings: Sequence[Finding]) -> list[str]:
    """Return the sentences about what cannot be told, one for languages in which nothing can."""
    whole, rest = [], []
    for place in dict.fromkeys(f.place for f in findings):
        here = [f for f in findings if f.place == place]
        open_ones = [f for f in here if f.kind in ("unclear", "few")]
        # Of many messages with hardly a yes, or a no, it is not the messages that are too few.
        one_sided = any(f.kind == "few" and f.messages >= MINIMUM_MESSAGES for f in open_ones)
        if len(open_ones) < len(here) or one_sided:
            rest += open_ones
            continue
        most = max(f.messages for f in here)
        whole.append(f"{most:,} messages in all" if place == ALL_LANGUAGES else f"{most:,} {place} messages")
    sentences = []
    if rest:
        names = [f"{f.name} ({f.messages:,} messages, {f.positive:,} yes)" for f in rest]
        sentences.append(f"Too few messages to tell on {_listed(names)}.")
    if whole:
        sentences.append(f"{_listed(whole)} are too few to tell.")
    return sentences


def beside_simple(findings: Mapping[str, Sequence[Finding]]) -> list[str]:
    """Return a sentence for each simple model.

    Args:
        findings: By the name of the simple model.
    """
    sentences = []
    for name, found in findings.items():
        judged = [f for f in found if f.change is not None]
        worse = [f.name for f in judged if f.kind == "worse"]
        better = sum(f.kind == "better" for f in judged)
        lost = f", worse in {_listed(worse)}" if worse else ", worse in none"
        sentences.append(f"Beside {name}: better in {better} of {len(judged)} comparisons{lost}.")
    return sentences


def guessing(labels: Array, ours: Array, others: Sequence[Array]) -> list[str]:
    """Return a sentence for each output that the new model tells no better than chance.

    Args:
        labels: 0, 1 or NaN, shape (messages, 3).
        ours: Probabilities of the new model, same shape.
        others: Probabilities of every other model, each of the same shape.
    """
    sentences = []
    for i, output in enumerate(OUTPUTS):
        name = OUTPUT_NAMES[output]
        if not guesses(labels[:, i], ours[:, i]):
            continue
        if all(guesses(labels[:, i], other[:, i]) for other in others):
            sentences.append(f"No model tells {name} better than chance on these messages: check its labels.")
        else:
            sentences.append(f"The new model tells {name} no better than chance, others do: do not use it.")
    return sentences


def _points(finding: Finding) -> str:
    change = finding.change
    assert change is not None
    low, high = (change.low, change.high) if change.value > 0 else (-change.high, -change.low)
    return f"{finding.name} by {100 * abs(change.value):.1f} points ({100 * low:.1f} to {100 * high:.1f})"


def _listed(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
