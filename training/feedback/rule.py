"""Whether retraining is due, by a stated rule."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any, Final, Literal

import numpy.typing as npt

from escalate.policy import LANGUAGES
from training.evaluation.calibration import calibration_error, chance_error
from training.feedback.agreement import LEFT, SIDES, agreement, judged
from training.feedback.calibration import calibrated_part
from training.feedback.shares import difference
from training.feedback.verdicts import Verdicts
from training.formatting import ALL, LANGUAGE_NAMES

Array = npt.NDArray[Any]
Answer = Literal["due", "not due", "too few verdicts to tell"]


@dataclass(frozen=True)
class Rule:
    """When retraining is due.

    It is due where agents agree less with recent decisions than with earlier ones, or where the share
    of recent messages that needed a person is not what the probabilities say; in each case
    both clearly (beyond what chance gives) and by much.

    Attributes:
        drop: By how much agreement must have fallen (0..1).
        error: How far the calibration error must be above that of chance (0..1).
        recent_days: Decisions of so many days before the last one are recent, the others earlier.
        fewest: Verdicts that a comparison needs, recent and earlier ones each.
        fewest_calibrated: Verdicts that a calibration error needs.
        confidence: That nothing is called due by mistake, in all comparisons together (0..1).
    """

    drop: float = 0.05
    error: float = 0.05
    recent_days: int = 28
    fewest: int = 50
    fewest_calibrated: int = 100
    confidence: float = 0.95


@dataclass(frozen=True)
class Finding:
    """One comparison.

    Attributes:
        language: The language, or ALL.
        kind: A name of SIDES for agreement, or CALIBRATION.
        due: Whether it makes retraining due.
        reason: The numbers, in words.
    """

    language: str
    kind: str
    due: bool
    reason: str


@dataclass(frozen=True)
class Conclusion:
    """What the rule says.

    Attributes:
        answer: The answer.
        findings: Every comparison that was made.
        untold: What could not be told, and why.
    """

    answer: Answer
    findings: tuple[Finding, ...]
    untold: tuple[str, ...]

    def to_dict(self) -> dict[str, Any]:
        """Return the conclusion as JSON-ready data."""
        return asdict(self)


CALIBRATION: Final = "calibration"
_NAMES: Final = {ALL: "All languages", **LANGUAGE_NAMES}


def conclude(recent: Verdicts, earlier: Verdicts | None, rule: Rule) -> Conclusion:
    """Apply the rule.

    Args:
        recent: Recent decisions, or all where their times are not known.
        earlier: Earlier decisions; None where there are none or nothing is known of them.
        rule: The rule.
    """
    sides = [(language, side) for language in (ALL, *LANGUAGES) for side in SIDES]
    compared = (
        []
        if earlier is None
        else [
            (language, side)
            for language, side in sides
            if min(_count(recent, language, side), _count(earlier, language, side)) >= rule.fewest
        ]
    )
    calibrated = [
        language
        for language in (ALL, *LANGUAGES)
        if len(calibrated_part(_of(recent, language)).messages) >= rule.fewest_calibrated
    ]
    # Bonferroni: with many comparisons one or other would stand out by chance.
    confidence = 1 - (1 - rule.confidence) / max(1, len(compared) + len(calibrated))
    findings = []
    if earlier is not None:
        findings += [_agreement(recent, earlier, *pair, rule, confidence) for pair in compared]
    findings += [_calibration(recent, earlier, language, rule, confidence) for language in calibrated]
    if any(finding.due for finding in findings):
        answer: Answer = "due"
    else:
        told = ALL in calibrated and (earlier is None or any(language == ALL for language, _ in compared))
        answer = "not due" if told else "too few verdicts to tell"
    return Conclusion(answer, tuple(findings), tuple(_untold(recent, earlier, compared, calibrated, rule)))


def _agreement(
    recent: Verdicts, earlier: Verdicts, language: str, side: str, rule: Rule, confidence: float
) -> Finding:
    later = agreement(_of(recent, language), side, confidence)
    before = agreement(_of(earlier, language), side, confidence)
    value, low, high = difference(later, before)
    clear, much = high < 0, value <= -rule.drop
    verdict = (
        "a clear and large drop" if clear and much else "a clear but small drop" if clear else "no clear drop"
    )
    reason = (
        f"{_NAMES[language]}, {SIDES[side]}: agents agree with {later.value:.1%} of {later.count:,} recent"
        f" decisions, before with {before.value:.1%} of {before.count:,}; difference {100 * value:+.1f}"
        f" points ({100 * low:+.1f} to {100 * high:+.1f}): {verdict}"
    )
    return Finding(language, side, bool(clear and much), reason)


def _calibration(
    recent: Verdicts, earlier: Verdicts | None, language: str, rule: Rule, confidence: float
) -> Finding:
    own = calibrated_part(_of(recent, language))
    error = calibration_error(own.expected, own.needed)
    chance = chance_error(own.expected, 1 - confidence)
    clear, much = error > chance.most, error - chance.mean >= rule.error
    verdict = (
        "clear and large" if clear and much else "clear but small" if clear else "no more than chance gives"
    )
    when, past = "", ""
    if earlier is not None:
        when = "recent "
        before = calibrated_part(_of(earlier, language))
        if len(before.messages) >= rule.fewest_calibrated:
            past = f", before {calibration_error(before.expected, before.needed):.3f}"
    reason = (
        f"{_NAMES[language]}, calibration: {own.needed.mean():.1%} of {len(own.needed):,} {when}messages"
        f" needed a person, {own.expected.mean():.1%} were expected; calibration error"
        f" {error:.3f}{past}, by chance {chance.mean:.3f} and seldom above {chance.most:.3f}: {verdict}"
    )
    return Finding(language, CALIBRATION, bool(clear and much), reason)


def _untold(
    recent: Verdicts,
    earlier: Verdicts | None,
    compared: list[tuple[str, str]],
    calibrated: list[str],
    rule: Rule,
) -> Iterator[str]:
    """Yield what the rule could not look at."""
    if earlier is None:
        yield "Whether agreement has fallen: there are no times, or no earlier decisions to compare with."
    languages = [name for name in LANGUAGES if (recent.languages == name).any()]
    for language in (ALL, *languages):
        missing = []
        for side, words in SIDES.items():
            # What cannot be told of all languages together cannot be told of one.
            known = (language, side) in compared or (language != ALL and (ALL, side) not in compared)
            if earlier is not None and not known:
                counts = (_count(recent, language, side), _count(earlier, language, side))
                missing.append(
                    f"agreement where {words} (n={counts[0]} recent and {counts[1]} earlier verdicts; at"
                    f" least {rule.fewest} of each)"
                )
        if language not in calibrated and (language == ALL or ALL in calibrated):
            count = len(calibrated_part(_of(recent, language)).messages)
            missing.append(f"calibration (n={count}; at least {rule.fewest_calibrated})")
        if missing:
            yield f"{_NAMES[language]}: too few verdicts on {', '.join(missing)}."
    if not judged(recent, LEFT).any():
        yield (
            "Missed messages: no decision to leave a message to the bot was judged, so nothing can be"
            " known about them. Have agents judge a random sample of those too."
        )


def _of(verdicts: Verdicts, language: str) -> Verdicts:
    return verdicts if language == ALL else verdicts.part(verdicts.languages == language)


def _count(verdicts: Verdicts, language: str, side: str) -> int:
    return int(judged(_of(verdicts, language), side).sum())
