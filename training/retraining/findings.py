"""What differs between the answers of two models to the same messages, beyond chance."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, Literal

import numpy as np
import numpy.typing as npt
from scipy.stats import false_discovery_control

from escalate.policy import LANGUAGES, OUTPUTS
from training.corpus.messages import Message
from training.evaluation.metrics import DECISION
from training.evaluation.resampling import Change, Resampling, group_of, macro_f1, outcomes
from training.evaluation.slices import WHOLE, enough
from training.formatting import ALL_LANGUAGES, LANGUAGE_NAMES, OUTPUT_NAMES

Array = npt.NDArray[Any]
Kind = Literal["better", "worse", "same", "unclear", "few"]

SAME: Final = 0.05
"""A difference whose whole interval is nearer to 0 than this counts as none."""

_FALSE: Final = 0.05
"""Rate of false discoveries (Y. Benjamini and Y. Hochberg, "Controlling the false discovery rate", 1995)."""


@dataclass(frozen=True)
class Finding:
    """How a model does beside another in one output of one language, in macro-F1.

    Attributes:
        language: The language, or ``all`` for all together.
        output: The output.
        messages: Labelled messages, at least one.
        positive: Those of them labelled yes.
        ours: Value of the model, 0..1, or None where there are too few messages.
        theirs: Value of the other, 0..1, or None.
        change: Ours minus theirs, with its interval, or None.
        kind: ``better`` and ``worse`` have an interval on one side of 0, and hold the rate of false
            discoveries over all findings at 5 %; ``same`` lies within SAME, ``unclear`` may lie further
            away, ``few`` has no value.
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
        return f"{output} in {ALL_LANGUAGES}" if self.language == WHOLE else f"{self.place} {output}"

    @property
    def place(self) -> str:
        """The language, for a person."""
        return LANGUAGE_NAMES.get(self.language, ALL_LANGUAGES)


def judge(messages: Sequence[Message], labels: Array, ours: Array, theirs: Array) -> list[Finding]:
    """Compare the probabilities of two models about the same messages.

    Args:
        messages: The messages.
        labels: 0, 1 or NaN, shape (messages, 3).
        ours: Probabilities of the model, same shape.
        theirs: Probabilities of the other, same shape.

    Returns:
        A finding for each language and output with labels, those of all languages together last.
    """
    languages = np.array([message.language for message in messages])
    places = {language: languages == language for language in LANGUAGES}
    places[WHOLE] = np.isin(languages, LANGUAGES)
    findings = []
    for language, here in places.items():
        for i, output in enumerate(OUTPUTS):
            rows = np.flatnonzero(here & ~np.isnan(labels[:, i]))
            # All together say nothing of their own where one language has all labels.
            if len(set(languages[rows].tolist())) < (2 if language == WHOLE else 1):
                continue
            known = [messages[row] for row in rows.tolist()]
            columns = (values[rows, i] for values in (labels, ours, theirs))
            findings.append(_finding(language, output, known, *columns))
    return _with_discoveries(findings)


def _finding(
    language: str, output: str, messages: Sequence[Message], labels: Array, ours: Array, theirs: Array
) -> Finding:
    """Return a finding about labelled messages, ``same`` or ``unclear`` where there are enough of them."""
    own, other = (outcomes(probabilities >= DECISION, labels) for probabilities in (ours, theirs))
    yes = int(labels.sum())
    counts = len(messages), yes
    if not enough(macro_f1, own):
        return Finding(language, output, *counts, None, None, None, "few")
    change = Resampling(messages).difference(macro_f1, own, other)
    groups = len({group_of(message) for message in messages})
    near = max(-change.low, change.high) < SAME and _hidden(yes, len(messages) - yes, groups) <= SAME
    values = float(macro_f1(own.sum(0))), float(macro_f1(other.sum(0)))
    return Finding(language, output, *counts, *values, change, "same" if near else "unclear")


def _hidden(yes: int, no: int, groups: int) -> float:
    """Return how far apart two models may be in macro-F1 that answered all messages alike.

    No bootstrap can show that. By the rule of three up to 3 / groups of the answers may differ elsewhere
    (J. Hanley and A. Lippman-Hand, "If nothing goes wrong, is everything all right?", 1983), and each
    answer that turns wrong takes about (1 / yes + 1 / no) / 4 from a macro-F1 near 1.
    """
    return 3 / groups * (yes + no) * (1 / yes + 1 / no) / 4


def _with_discoveries(findings: Sequence[Finding]) -> list[Finding]:
    """Return findings, those that chance does not explain as ``better`` or ``worse``."""
    changes = [finding.change for finding in findings if finding.change is not None]
    if not changes:
        return list(findings)
    either = [min(1.0, 2 * min(change.p_loss, change.p_gain)) for change in changes]
    adjusted = iter(false_discovery_control(either).tolist())
    return [f if f.change is None else replace(f, kind=_kind(f, f.change, next(adjusted))) for f in findings]


def _kind(finding: Finding, change: Change, adjusted: float) -> Kind:
    if adjusted <= _FALSE and change.low > 0:
        return "better"
    if adjusted <= _FALSE and change.high < 0:
        return "worse"
    return finding.kind
