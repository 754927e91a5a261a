"""A plain verdict: on what one model is better than another, on what worse, and what cannot be told."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, Literal

import numpy as np
import numpy.typing as npt
from scipy.stats import false_discovery_control

from escalate.policy import LANGUAGES, OUTPUTS
from training.corpus.messages import Message
from training.evaluation.metrics import DECISION
from training.evaluation.resampling import SEED, Change, Resampling, macro_f1, outcomes
from training.evaluation.slices import WHOLE, enough
from training.evaluation.tables import LANGUAGE_NAMES, OUTPUT_NAMES

Array = npt.NDArray[Any]
_ALL: Final = "all languages"

Kind = Literal["better", "worse", "same", "unclear", "few"]

SAME: Final = 0.05
"""A difference whose whole interval is nearer to 0 than this counts as none."""

FEWEST_FOR_SAME: Final = round(3 / SAME)
"""Of fewer messages no bootstrap shows how far two models may differ that have not differed yet: by the
rule of three up to 3 / messages (J. Hanley and A. Lippman-Hand, "If nothing goes wrong, is everything all
right?", 1983)."""

_FALSE: Final = 0.05


@dataclass(frozen=True)
class Finding:
    """How a model does beside another in one output of one language, in macro-F1.

    Attributes:
        language: The language, or ``all`` for all together.
        output: The output.
        messages: Labelled messages.
        positive: Those of them labelled yes.
        ours: Value of the model, 0..1, or None where there are too few messages.
        theirs: Value of the other, 0..1, or None.
        change: Ours minus theirs, with its interval, or None.
        kind: ``better`` and ``worse`` hold the rate of false discoveries over all findings at 5 %;
            ``same`` lies within SAME, ``unclear`` may lie further away, ``few`` has no value.
    """

    language: str
    output: str
    messages: int
    positive: int
    ours: float | None
    theirs: float | None
    change: Change | None
    kind: Kind

    @property
    def name(self) -> str:
        """Language and output, for a person."""
        output = OUTPUT_NAMES[self.output]
        return f"{output} in {_ALL}" if self.language == WHOLE else f"{self.place} {output}"

    @property
    def place(self) -> str:
        """The language, for a person."""
        return LANGUAGE_NAMES.get(self.language, _ALL)


def judge(
    messages: Sequence[Message], labels: Array, ours: Array, theirs: Array, seed: int = SEED
) -> list[Finding]:
    """Compare the probabilities of two models about the same messages.

    Args:
        messages: The messages.
        labels: 0, 1 or NaN, shape (messages, 3).
        ours: Probabilities of the model, same shape.
        theirs: Probabilities of the other, same shape.
        seed: Seed of the bootstrap.
    """
    languages = np.array([message.language for message in messages])
    present = [language for language in LANGUAGES if (languages == language).any()]
    found = []
    for language in [*present, WHOLE]:
        rows = np.flatnonzero(np.isin(languages, LANGUAGES) if language == WHOLE else languages == language)
        resampling = Resampling([messages[row] for row in rows.tolist()], seed)
        for i, output in enumerate(OUTPUTS):
            known = labels[rows, i]
            # All together say nothing of their own where one language has all labels.
            if language == WHOLE and len(set(languages[rows[~np.isnan(known)]])) < 2:
                continue
            own, other = (outcomes(model[rows, i] >= DECISION, known) for model in (ours, theirs))
            found.append(_finding(language, output, known, own, other, resampling))
    return _judged(found)


def _finding(
    language: str, output: str, labels: Array, own: Array, other: Array, resampling: Resampling
) -> Finding:
    known, positive = int((~np.isnan(labels)).sum()), int(np.nansum(labels))
    if not enough(macro_f1, own):
        return Finding(language, output, known, positive, None, None, None, "few")
    change = resampling.difference(macro_f1, own, other)
    values = float(macro_f1(own.sum(0))), float(macro_f1(other.sum(0)))
    return Finding(language, output, known, positive, *values, change, "unclear")


def _judged(findings: Sequence[Finding]) -> list[Finding]:
    changes = [finding.change for finding in findings if finding.change is not None]
    if not changes:
        return list(findings)
    either = [min(1.0, 2 * min(change.p_loss, change.p_gain)) for change in changes]
    adjusted = dict(zip(map(id, changes), false_discovery_control(either), strict=True))

    def kind(change: Change, messages: int) -> Kind:
        if adjusted[id(change)] <= _FALSE:
            return "better" if change.value > 0 else "worse"
        near = max(-change.low, change.high) < SAME
        return "same" if near and messages >= FEWEST_FOR_SAME else "unclear"

    return [f if f.change is None else replace(f, kind=kind(f.change, f.messages)) for f in findings]


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
    open_ones = [f for f in findings if f.kind in ("unclear", "few") and f.messages]
    whole, rest = [], []
    for place in dict.fromkeys(f.place for f in open_ones):
        here = [f for f in open_ones if f.place == place]
        if len(here) == sum(f.place == place and f.messages > 0 for f in findings):
            most = max(f.messages for f in here)
            whole.append(f"{most:,} messages in all" if place == _ALL else f"{most:,} {place} messages")
        else:
            rest += here
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


def guessing(findings: Sequence[str], tells: Callable[[str], bool]) -> list[str]:
    """Return a sentence where no model tells an output better than chance.

    Args:
        findings: Outputs that the new model tells no better than chance.
        tells: Whether some other model tells the output better.
    """
    return [
        f"No model tells {OUTPUT_NAMES[output]} better than chance on these messages: check its labels."
        if not tells(output)
        else f"The new model tells {OUTPUT_NAMES[output]} no better than chance, others do: do not use it."
        for output in findings
    ]


def _points(finding: Finding) -> str:
    change = finding.change
    assert change is not None
    low, high = (change.low, change.high) if change.value > 0 else (-change.high, -change.low)
    return f"{finding.name} by {100 * abs(change.value):.1f} points ({100 * low:.1f} to {100 * high:.1f})"


def _listed(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
