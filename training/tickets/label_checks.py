"""Checks of the labels of own tickets: whether there are any, of both kinds, and enough."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from math import sqrt
from typing import Any, Final

from escalate.policy import OUTPUTS
from training.corpus.labels import MINIMUM_PER_CLASS
from training.corpus.messages import Message
from training.corpus.problems import Problem, error, warning
from training.corpus.statistics import by_language
from training.tickets.reading import Tickets
from training.tickets.splitting import Split

FEWEST_TO_TEST: Final = 30
"""Messages labelled yes that the test split of one language should have; see ``recall_interval``."""

TYPICAL_RECALL: Final = 0.8
"""The recall whose interval tells how much a test split can show."""

_NORMAL_95: Final = 1.96


def count_labels(messages: Sequence[Message]) -> dict[str, dict[str, Any]]:
    """Return for each language the number of messages and of every label."""
    numbers: dict[str, dict[str, Any]] = {}
    for language, own in by_language(messages).items():
        counts = {output: Counter(message.label(output) for message in own) for output in OUTPUTS}
        numbers[language] = {
            output: {"yes": count[1], "no": count[0], "unknown": count[None]}
            for output, count in counts.items()
        }
        numbers[language]["messages"] = len(own)
    return numbers


def check_labels(tickets: Tickets) -> Iterator[Problem]:
    """Require labels of both kinds in every label column."""
    labelled = [output for output in OUTPUTS if output in tickets.columns]
    if not labelled:
        options = ", ".join(f"--{output.replace('_', '-')}" for output in OUTPUTS)
        yield error("labels", f"there is no label column; name at least one with {options}")
    for output in labelled:
        counts = Counter(message.label(output) for message in tickets.messages)
        values = sorted(value for value in counts if value is not None)
        column = f"the column {tickets.columns[output]!r} ({output})"
        leave_out = f"leave it out with --{output.replace('_', '-')} ''"
        if not values:
            yield error("labels", f"{column} has no label in any of the four languages; {leave_out}")
        elif len(values) == 1:
            yield error(
                "labels",
                f"{column} is constant: all {counts[values[0]]:,} labels are {values[0]}, and a model would "
                f"learn to say so always; label messages of the other kind, or {leave_out}",
            )


def check_amounts(tickets: Tickets, split: Split | None) -> Iterator[Problem]:
    """Look for languages with too few labels in the split to calibrate with, or to test with."""
    if split is None:
        return
    validation, test = by_language(split.validation), by_language(split.test)
    for language, own in by_language(tickets.messages).items():
        for output in OUTPUTS:
            counts = Counter(message.label(output) for message in own)
            fitted = Counter(message.label(output) for message in validation.get(language, ()))
            tested = sum(message.label(output) == 1 for message in test.get(language, ()))
            if not counts[0] + counts[1]:
                continue
            reasons = []
            if min(fitted[0], fitted[1]) < MINIMUM_PER_CLASS:
                reasons.append(
                    f"too few to calibrate with alone ({fitted[1]} yes and {fitted[0]} no in the validation "
                    f"split; {MINIMUM_PER_CLASS} of each are wanted)"
                )
            if tested < FEWEST_TO_TEST:
                low, high = recall_interval(tested)
                reasons.append(
                    f"too few to test ({tested} yes in the test split: the 95% interval of a recall of "
                    f"{TYPICAL_RECALL:.0%} would be {low:.0%} to {high:.0%})"
                )
            if reasons:
                yield warning(
                    "amounts",
                    f"{language} {output}: {counts[1]:,} yes and {counts[0]:,} no are "
                    + " and ".join(reasons),
                )


def recall_interval(positives: int) -> tuple[float, float]:
    """Return the 95 % interval that a recall of ``TYPICAL_RECALL`` would have.

    Source: E. Wilson, "Probable inference, the law of succession, and statistical inference", 1927.

    Args:
        positives: Messages of the test split that are labelled yes.
    """
    if not positives:
        return 0.0, 1.0
    square = _NORMAL_95**2
    spread = _NORMAL_95 * sqrt(
        TYPICAL_RECALL * (1 - TYPICAL_RECALL) / positives + (square / 4) / positives**2
    )
    centre = TYPICAL_RECALL + square / 2 / positives
    return (centre - spread) / (1 + square / positives), (centre + spread) / (1 + square / positives)
