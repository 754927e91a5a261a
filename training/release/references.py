"""Reference answers: texts and what a bundle must answer about them, on every machine."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from escalate import Classifier
from escalate.errors import BundleError
from escalate.policy import LANGUAGES, OUTPUTS, Policy
from escalate.prediction import Prediction
from training.corpus.language_check import in_latin_letters
from training.evaluation.answers import Answers
from training.files import write_whole

REFERENCES: Final = "reference.jsonl"

TOLERANCE: Final = 1e-2
"""How far a probability may be from its reference: machines add up in different orders."""

ODD_TEXTS: Final = (
    "",
    " \t\n",
    "\u200f\u200e\u2066",
    "😡😡😡",
    "12345 678",
    "???!!!",
    "\ud800",
    "Where is my parcel? " * 100,
)
"""Texts without words, one of them a lone surrogate, and a text of many windows."""

_LATIN: Final = 8
_OTHERS: Final = 4


def reference_texts(answers: Answers, policy: Policy) -> list[str]:
    """Choose texts that show where the borders of a policy run.

    For each language and each of its thresholds the message nearest above and nearest below, and the
    shortest and the longest message; some Hebrew and Arabic messages in Latin letters; some messages of no
    supported language; ODD_TEXTS.

    Args:
        answers: Answers about messages to choose from.
        policy: The policy.
    """
    chosen: dict[str, None] = {}
    for language in LANGUAGES:
        thresholds = _thresholds(policy, language)
        rows = [
            row
            for row, prediction in enumerate(answers.predictions)
            if prediction.language == language and _firm(prediction, policy)
        ]
        for column, threshold in thresholds:
            for row in _nearest(answers.probabilities[rows, column] - threshold):
                chosen[answers.messages[rows[row]].text] = None
        messages = [answers.messages[row] for row in rows]
        latin = [message.text for message in messages if in_latin_letters(message)]
        ends = _spread([message.text for message in messages], 2)
        chosen.update(dict.fromkeys((*ends, *_spread(latin, _LATIN))))
    others = [
        message.text
        for message, prediction in zip(answers.messages, answers.predictions, strict=True)
        if message.language not in LANGUAGES and not prediction.supported
    ]
    chosen.update(dict.fromkeys((*_spread(others, _OTHERS), *ODD_TEXTS)))
    return list(chosen)


def _firm(prediction: Prediction, policy: Policy) -> bool:
    """Tell whether the action stays the same when probabilities move by TOLERANCE."""
    if not prediction.supported:
        return True
    return all(
        abs(getattr(prediction, OUTPUTS[i]) - threshold) > TOLERANCE
        for i, threshold in _thresholds(policy, prediction.language)
    )


def _thresholds(policy: Policy, language: str) -> list[tuple[int, float]]:
    """Return output position and threshold of all thresholds that hold for a language."""
    pair = policy.languages.get(language, (policy.offer, policy.escalate))
    values = [(i, getattr(thresholds, output)) for thresholds in pair for i, output in enumerate(OUTPUTS)]
    return [(i, value) for i, value in values if value is not None]


def _nearest(distances: npt.NDArray[Any]) -> Iterator[int]:
    """Yield the positions of the smallest positive and of the largest negative distance."""
    for side in (1, -1):
        away = np.where(side * distances > 0, side * distances, np.inf)
        if np.isfinite(away).any():
            yield int(away.argmin())


def _spread(texts: Sequence[str], count: int) -> list[str]:
    """Return texts spread evenly over the lengths, the shortest and the longest among them."""
    ordered = sorted(texts, key=lambda text: (len(text), text))
    if len(ordered) <= count:
        return ordered
    return [ordered[round(i * (len(ordered) - 1) / (count - 1))] for i in range(count)]


def write_references(classifier: Classifier, texts: Sequence[str], folder: Path) -> None:
    """Write the answers about texts into a bundle's folder.

    A text within TOLERANCE of a threshold is left out: its action may differ between machines.
    """
    lines = []
    for text in texts:
        prediction = classifier.predict(text)
        if not _firm(prediction, classifier.policy):
            continue
        line = json.dumps({"text": text, "expected": prediction.to_dict()}, ensure_ascii=False)
        # A lone surrogate cannot be UTF-8; as a JSON escape it can be read back.
        lines.append(line.encode("utf-8", "backslashreplace").decode("utf-8"))
    write_whole(folder / REFERENCES, "".join(f"{line}\n" for line in lines))


def read_references(folder: Path) -> list[tuple[str, dict[str, Any]]]:
    """Read the texts and expected answers of a bundle.

    Raises:
        BundleError: The file is missing, or a row is not a reference answer.
    """
    path = folder / REFERENCES
    try:
        lines = path.read_text(encoding="utf-8").split("\n")
    except (OSError, UnicodeDecodeError) as error:
        raise BundleError(
            f"cannot read {path} ({error}): release the bundle again, or copy it again"
        ) from error
    references = []
    for row, line in enumerate(lines, 1):
        if not line and row == len(lines):
            continue
        try:
            data = json.loads(line)
            references.append((data["text"], dict(data["expected"])))
        except (KeyError, TypeError, ValueError) as error:
            raise BundleError(
                f"{path} row {row} is not a reference answer ({error!r}): copy the bundle again"
            ) from error
    return references


def check_references(classifier: Classifier, folder: Path) -> list[str]:
    """Compare what a classifier answers with the reference answers of a bundle.

    Args:
        classifier: The classifier.
        folder: The bundle.

    Returns:
        A sentence for every answer that differs, empty where none does.

    Raises:
        BundleError: The reference answers cannot be read.
    """
    differences = []
    for row, (text, expected) in enumerate(read_references(folder), 1):
        answer = classifier.predict(text).to_dict()
        for name in dict.fromkeys((*expected, *answer)):
            if not _same(name, expected.get(name), answer.get(name)):
                differences.append(
                    f"{folder / REFERENCES} row {row}: {name} is {answer.get(name)!r}, "
                    f"expected {expected.get(name)!r}"
                )
    return differences


def _same(name: str, expected: Any, found: Any) -> bool:
    if name in OUTPUTS and isinstance(expected, int | float) and found is not None:
        return bool(abs(found - expected) <= TOLERANCE)
    return bool(expected == found)
