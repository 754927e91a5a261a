"""Parts of the test split that are measured on their own: lengths, styles, domains, channels, scripts."""

from __future__ import annotations

import unicodedata
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from operator import attrgetter
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from escalate.bundle import LANGUAGE_CLASSES
from escalate.policy import OUTPUTS
from training.corpus.language_check import in_latin_letters
from training.corpus.messages import Message
from training.corpus.statistics import LONG, SHORT, is_public, words
from training.evaluation.answers import Answers
from training.evaluation.metrics import DECISION
from training.evaluation.resampling import SEED, Measure, Resampling, accuracy, macro_f1, outcomes

Array = npt.NDArray[Any]
Dimension = Callable[[Message], str | None]
"""Names the slice a message is in; None leaves the message out."""

MINIMUM_MESSAGES: Final = 20
"""A number on fewer labelled messages is not given."""

MINIMUM_PER_LABEL: Final = 5
"""Macro-F1 is not given where either label has fewer messages."""

WHOLE: Final = "all"
REST: Final = "rest"
LANGUAGE: Final = "language"
"""Stands beside the outputs for whether the language of the message was recognised."""


@dataclass(frozen=True)
class Slice:
    """Some messages of one language, or all messages.

    Attributes:
        language: Their language, or WHOLE.
        dimension: What they share, a name of DIMENSIONS or WHOLE.
        value: The value they share.
        rows: Their positions among all messages.
    """

    language: str
    dimension: str
    value: str
    rows: Array


def length(message: Message) -> str:
    """Name the length of a message."""
    count = words(message.text)
    if count < SHORT:
        return f"under {SHORT} words"
    return f"over {LONG} words" if count > LONG else f"{SHORT} to {LONG} words"


def kind(message: Message) -> str | None:
    """Tell public messages from those written to support; None where the channel is unknown."""
    if message.channel is None:
        return None
    return "public" if is_public(message) else "ticket"


def script(message: Message) -> str | None:
    """Name how a message is written: Hebrew or Arabic in Latin letters, Czech without diacritics."""
    if message.language in ("he", "ar"):
        return "Latin letters" if in_latin_letters(message) else "native"
    if message.language == "cs":
        decomposed = unicodedata.normalize("NFD", message.text)
        return "native" if any(map(unicodedata.combining, decomposed)) else "no diacritics"
    return None


DIMENSIONS: Final[Mapping[str, Dimension]] = {
    "length": length,
    "script": script,
    "style": attrgetter("style"),
    "channel": attrgetter("channel"),
    "domain": attrgetter("domain"),
}
"""The dimensions of the report."""

# Small values of these can be joined; a rest of lengths or of scripts would mean nothing.
_OPEN: Final = ("style", "channel", "domain")


def slices(messages: Sequence[Message], dimensions: Mapping[str, Dimension]) -> Iterator[Slice]:
    """Yield the slices of messages: each language, then its slices in every dimension.

    Styles, domains and channels of fewer than MINIMUM_MESSAGES messages are joined to REST. A
    dimension in which all messages of a language are alike is left out.
    """
    languages = np.array([message.language for message in messages])
    for language in LANGUAGE_CLASSES:
        own = np.flatnonzero(languages == language)
        if not len(own):
            continue
        yield Slice(language, WHOLE, WHOLE, own)
        for name, dimension in dimensions.items():
            values = [dimension(messages[row]) for row in own.tolist()]
            if name in _OPEN:
                values = _join_small(values)
            for value in _distinct(values):
                rows = own[[v == value for v in values]]
                if len(rows) < len(own):
                    yield Slice(language, name, value, rows)


def _join_small(values: Sequence[str | None]) -> list[str | None]:
    counts = Counter(values)
    return [REST if value is not None and counts[value] < MINIMUM_MESSAGES else value for value in values]


def _distinct(values: Collection[str | None]) -> list[str]:
    """Return the values there are, the commonest first, REST last."""
    counts = Counter(value for value in values if value is not None)
    return sorted(counts, key=lambda value: (value == REST, -counts[value], value))


def outcomes_of(answers: Answers) -> dict[str, tuple[Measure, Array]]:
    """Return for each output, and for LANGUAGE, its leading measure and the outcomes of all messages.

    The leading measure is macro-F1, for the language accuracy; outcomes have shape (messages, 4).
    """
    result: dict[str, tuple[Measure, Array]] = {
        output: (macro_f1, outcomes(answers.probabilities[:, i] >= DECISION, answers.labels[:, i]))
        for i, output in enumerate(OUTPUTS)
    }
    pairs = zip(answers.predictions, answers.messages, strict=True)
    right = np.array([prediction.language == message.language for prediction, message in pairs], dtype=bool)
    result[LANGUAGE] = (accuracy, outcomes(right, np.ones(len(right))))
    return result


def enough(measure: Measure, found: Array) -> bool:
    """Tell whether there are messages enough for a measure of their outcomes."""
    true_yes, false_yes, false_no, true_no = found.sum(0)
    if found.sum() < MINIMUM_MESSAGES:
        return False
    return measure is accuracy or min(true_yes + false_no, false_yes + true_no) >= MINIMUM_PER_LABEL


def measure_slices(answers: Answers, seed: int = SEED) -> dict[str, Any]:
    """Return accuracy and macro-F1 with intervals of all slices, as JSON-ready data.

    Returns:
        By language, dimension and value: ``messages``; ``groups``, the number of groups the
        intervals draw, or None where they draw messages; and for each output, and LANGUAGE,
        ``accuracy`` and (not for LANGUAGE) ``macro_f1``, each an estimate or None where there are
        too few messages.
    """
    every = outcomes_of(answers)
    result: dict[str, Any] = {}
    for part in slices(answers.messages, DIMENSIONS):
        resampling = Resampling([answers.messages[row] for row in part.rows], seed)
        cell: dict[str, Any] = {"messages": len(part.rows), "groups": resampling.groups}
        for name, (leading, found) in every.items():
            own = found[part.rows]
            measures = {measure.__name__: measure for measure in (leading, accuracy)}
            cell[name] = {
                metric: resampling.estimate(measure, own).to_dict() if enough(measure, own) else None
                for metric, measure in measures.items()
            }
        result.setdefault(part.language, {}).setdefault(part.dimension, {})[part.value] = cell
    return result
