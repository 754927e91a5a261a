"""Where a model is wrong at the threshold of the F1 table: how often, what kind of message, which ones."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any, Final

import numpy as np
import numpy.typing as npt
from scipy.stats import hypergeom

from escalate.policy import LANGUAGES, OUTPUTS
from training.evaluation.answers import Answers
from training.evaluation.metrics import DECISION, contrast_pairs
from training.evaluation.slices import DIMENSIONS, REST, WHOLE, Slice, outcomes_of, slices

Array = npt.NDArray[Any]

NEAR: Final = 0.2
"""A mistake whose probability is no further than this from DECISION is a close call."""

EXAMPLES: Final = 3
"""So many examples are named of each kind of mistake."""

BY_CHANCE: Final = 0.01
"""A slice is named where so large a share of the mistakes falls into it by chance no more often than this."""

_DIMENSIONS: Final = ("channel", "length")


def mistakes(answers: Answers) -> dict[str, Any]:
    """Return the mistakes at DECISION as JSON-ready data; messages are named by their ids.

    Returns:
        By language ``outputs`` and ``same_answer``. ``outputs`` has for each output with a label:
        ``positives`` and ``negatives``, how many messages have the label 1 and 0; ``missed`` and
        ``false_alarms``, how many of these are answered wrongly; ``near``, the share of the mistakes
        within NEAR of DECISION, or None without a mistake; ``gathered``, the channels and lengths
        with more of the mistakes than BY_CHANCE explains, with their share of both; ``examples``,
        the most confident mistakes, the missed first; and ``pairs``, how many contrast pairs of that
        label have ``both``, ``one`` or ``none`` of their messages right. ``same_answer`` has the
        pairs of which only one is right that the model tells apart least, the message with the
        label 1 first.
    """
    found = {name: outcome for name, (_, outcome) in outcomes_of(answers).items()}
    parts = list(slices(answers.messages, {name: DIMENSIONS[name] for name in _DIMENSIONS}))
    result = {}
    for whole in parts:
        if whole.language not in LANGUAGES or whole.dimension != WHOLE:
            continue
        own = [p for p in parts if p.language == whole.language and p.dimension != WHOLE and p.value != REST]
        outputs = {
            output: _mistakes_of(answers, output, whole.rows, found[output], own)
            for output in OUTPUTS
            if found[output][whole.rows].any()
        }
        if outputs:
            result[whole.language] = {"outputs": outputs, "same_answer": _same_answer(answers, whole.rows)}
    return result


def _mistakes_of(
    answers: Answers, output: str, rows: Array, outcomes: Array, parts: Sequence[Slice]
) -> dict[str, Any]:
    true_yes, false_yes, false_no, true_no = outcomes[rows].sum(0).astype(int).tolist()
    alarms, missed = (rows[outcomes[rows, column] == 1] for column in (1, 2))
    wrong = np.concatenate([missed, alarms])
    distance = np.abs(answers.probabilities[:, OUTPUTS.index(output)] - DECISION)

    def most_confident(row: int) -> tuple[float, str]:
        return -distance[row], answers.messages[row].id

    pairs = Counter(right for right, *_ in _pairs(answers, output, rows))
    return {
        "positives": true_yes + false_no,
        "negatives": true_no + false_yes,
        "missed": false_no,
        "false_alarms": false_yes,
        "near": float((distance[wrong] <= NEAR).mean()) if len(wrong) else None,
        "gathered": list(_gathered(rows[outcomes[rows].any(1)], wrong, parts)),
        "examples": [
            _named(answers, output, row)
            for kind in (missed, alarms)
            for row in sorted(kind.tolist(), key=most_confident)[:EXAMPLES]
        ],
        "pairs": {"both": pairs[2], "one": pairs[1], "none": pairs[0]},
    }


def _gathered(known: Array, wrong: Array, parts: Sequence[Slice]) -> Iterator[dict[str, Any]]:
    """Yield the slices with plainly more of the mistakes than of the messages.

    The test is the hypergeometric one, upper tail: the mistakes as a draw from the labelled messages.
    """
    for part in parts:
        size, hits = (len(np.intersect1d(rows, part.rows)) for rows in (known, wrong))
        if hypergeom.sf(hits - 1, len(known), size, len(wrong)) < BY_CHANCE:
            yield {
                "dimension": part.dimension,
                "value": part.value,
                "mistakes": hits / len(wrong),
                "messages": size / len(known),
            }


def _pairs(answers: Answers, output: str, rows: Array) -> Iterator[tuple[int, int, int]]:
    """Yield for each contrast pair of an output how many are right, and the rows with label 1 and 0."""
    column = OUTPUTS.index(output)
    for pair in contrast_pairs([answers.messages[row] for row in rows]):
        labels = answers.labels[rows[pair], column]
        if set(labels.tolist()) == {0, 1}:
            yes, no = rows[pair][np.argsort(-labels)].tolist()
            answered = answers.probabilities[[yes, no], column] >= DECISION
            yield int(answered[0]) + int(not answered[1]), yes, no


def _same_answer(answers: Answers, rows: Array) -> list[dict[str, Any]]:
    """Return the pairs that get one answer, those with the nearest probabilities first."""
    found = [
        {"output": output, "messages": [_named(answers, output, row) for row in (yes, no)]}
        for output in OUTPUTS
        for right, yes, no in _pairs(answers, output, rows)
        if right == 1
    ]

    def apart(pair: dict[str, Any]) -> tuple[float, str]:
        first, second = pair["messages"]
        return abs(first["probability"] - second["probability"]), first["id"]

    return sorted(found, key=apart)[:EXAMPLES]


def _named(answers: Answers, output: str, row: int) -> dict[str, Any]:
    message = answers.messages[row]
    return {
        "id": message.id,
        "channel": message.channel,
        "label": message.label(output),
        "probability": float(answers.probabilities[row, OUTPUTS.index(output)]),
    }
