"""Agents' verdicts on past decisions: what the file must hold, and how it is read."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from escalate import Classifier
from escalate.policy import ACTIONS, LANGUAGES, OUTPUTS
from escalate.scoring.answers import WITHOUT_ANSWER
from training.corpus.messages import Message
from training.errors import TicketsError
from training.evaluation.answers import answer
from training.tickets.cells import wrong_cell
from training.tickets.columns import Columns
from training.tickets.reading import read_tickets
from training.tickets.tables import read_table
from training.tickets.values import is_nothing, parse_label

Array = npt.NDArray[Any]


@dataclass(frozen=True)
class DecisionColumns:
    """Which column of a file of verdicts holds what, besides those of ``Columns``.

    Attributes:
        action: What was done: continue, offer or escalate.
        verdict: Whether the message needed a person, by an offer too; a row without it is a decision
            nobody has judged.
        scores: Prefix of the columns that ``escalate score`` added; where complexity,
            negative_sentiment and human_requested are all there, nothing is scored again.
    """

    action: str = "action"
    verdict: str = "needed_a_person"
    scores: str = ""


@dataclass(frozen=True)
class Verdicts:
    """Past decisions; the rows are the messages.

    Attributes:
        messages: The messages, without labels.
        times: When each came, or None for all of them.
        actions: What was done: "continue", "offer" or "escalate".
        needed: 1 where the message needed a person, 0 where not, NaN where nobody judged.
        probabilities: What the model said then, or says now; NaN where it could not judge. Shape
            (messages, 3).
        models: Which model's answers the file holds, where it says so.
        rescored: Version of the model that was asked anew; None where the file held the answers.
        source: The file.
        without_answer: How many rows ``escalate score`` gave no answer; they are no decisions.
        without_text: How many other rows hold no text; they are no decisions either.
    """

    messages: Sequence[Message]
    times: Sequence[datetime] | None
    actions: Array
    needed: Array
    probabilities: Array
    models: tuple[str, ...]
    rescored: str | None
    source: str
    without_answer: int = 0
    without_text: int = 0

    @property
    def handed(self) -> Array:
        """Whether each message was offered a person or escalated."""
        handed: Array = self.actions != "continue"
        return handed

    @property
    def languages(self) -> Array:
        """The language of each message."""
        return np.array([message.language for message in self.messages], dtype=object)

    @property
    def expected(self) -> Array:
        """The probability that each message needed a person, as the three outputs say it.

        That at least one of three reasons holds, where each adds to the others on its own: 1 - (1 - a)
        (1 - b)(1 - c). Source: J. Pearl, "Probabilistic reasoning in intelligent systems", 1988,
        section 4.3.2 (noisy or). NaN where the model could not judge.
        """
        expected: Array = 1 - (1 - self.probabilities).prod(1)
        return expected

    def part(self, rows: Array) -> Verdicts:
        """Return some of the decisions.

        Args:
            rows: Their places, or booleans.
        """
        places = np.arange(len(self.messages))[rows]
        return replace(
            self,
            messages=[self.messages[place] for place in places],
            times=None if self.times is None else [self.times[place] for place in places],
            actions=self.actions[places],
            needed=self.needed[places],
            probabilities=self.probabilities[places],
        )


def read_verdicts(
    source: str | Path, columns: Columns, decisions: DecisionColumns, model: Path | None
) -> Verdicts:
    """Read a file of verdicts; messages whose answers it does not hold are scored.

    Rows whose status says that ``escalate score`` had no answer are left out.

    Args:
        source: A CSV, JSON-lines or Parquet file, a folder that ``datasets`` reads, or a hub id.
        columns: Where the text, the id, the language and the time are; labels are not read. Without a
            column for it the language is that beside the scores.
        decisions: Where action and verdict are.
        model: The bundle that scores; None for the released one.

    Raises:
        TicketsError: The source cannot be read, a column is not there, or a value is unknown.
        BundleError: The bundle cannot be loaded.
    """
    scores = [decisions.scores + output for output in OUTPUTS]
    model_name = decisions.scores + "model"
    answered_language = decisions.scores + "language"
    status = decisions.scores + "status"

    def choose(names: Sequence[str]) -> list[str]:
        for option, name in (("--action", decisions.action), ("--verdict", decisions.verdict)):
            if name not in names:
                listed = ", ".join(names)
                raise TicketsError(f"{source}: no column {name!r} for {option}; the columns are: {listed}")
        wanted = [decisions.action, decisions.verdict, model_name, answered_language, status, *scores]
        return [name for name in dict.fromkeys(wanted) if name in names]

    table = read_table(source, choose, columns.encoding, columns.delimiter)
    language = columns.language
    if language is None and answered_language in table.columns:
        language = answered_language
    left_out = dict.fromkeys((*OUTPUTS, "group", "domain", "channel"), "")
    # A status of another meaning, such as that of the ticket, leaves nothing out.
    statuses = table.columns.get(status, [None] * len(table.rows))
    unanswered = {row for row, value in zip(table.rows, statuses, strict=True) if value in WITHOUT_ANSWER}
    if unanswered and len(unanswered) == len(table.rows):
        raise TicketsError(f"{source}: 'escalate score' answered no row (column {status!r}); score it again")
    tickets = read_tickets(source, replace(columns, **left_out, language=language, cuts={}), unanswered)
    kept = set(tickets.rows)
    cells = table.part([row in kept for row in table.rows]).columns
    rows = tickets.rows
    verdicts = Verdicts(
        messages=tickets.messages,
        times=_times(tickets.times, rows, str(source)),
        actions=_actions(cells[decisions.action], rows, str(source), decisions.action),
        needed=_needed(cells[decisions.verdict], rows, str(source), decisions.verdict),
        probabilities=np.full((len(rows), len(OUTPUTS)), np.nan),
        models=tuple(sorted({str(value) for value in cells.get(model_name, ()) if not is_nothing(value)})),
        rescored=None,
        source=str(source),
        without_answer=len(unanswered),
        without_text=len(tickets.without_text),
    )
    if all(name in cells for name in scores):
        columns_read = [_scores(cells[name], rows, str(source), name) for name in scores]
        return _judged_only(replace(verdicts, probabilities=np.stack(columns_read, axis=1)))
    return _scored(verdicts, Classifier.load(model))


def _scored(verdicts: Verdicts, classifier: Classifier) -> Verdicts:
    answers = answer(classifier, verdicts.messages)
    read = [
        replace(m, language=p.language) for m, p in zip(verdicts.messages, answers.predictions, strict=True)
    ]
    return _judged_only(
        replace(verdicts, messages=read, probabilities=answers.probabilities, rescored=classifier.version)
    )


def _judged_only(verdicts: Verdicts) -> Verdicts:
    """Leave out the probabilities of texts the model could not judge: they are base rates."""
    probabilities = verdicts.probabilities.copy()
    probabilities[~np.isin(verdicts.languages, LANGUAGES)] = np.nan
    return replace(verdicts, probabilities=probabilities)


def _times(times: Sequence[datetime | None], rows: Sequence[int], source: str) -> Sequence[datetime] | None:
    known = [time for time in times if time is not None]
    if not known:
        return None
    if len(known) < len(times):
        row = rows[times.index(None)]
        raise TicketsError(
            f"{source} row {row} has no time: fill it in, or leave all times out with --time ''"
        )
    return known


def _actions(values: Sequence[Any], rows: Sequence[int], source: str, column: str) -> Array:
    actions = []
    for row, value in zip(rows, values, strict=True):
        action = str(value).strip().casefold()
        if action not in ACTIONS:
            raise wrong_cell(source, row, column, value, f"it must be {', '.join(ACTIONS)}")
        actions.append(action)
    return np.array(actions, dtype=object)


def _needed(values: Sequence[Any], rows: Sequence[int], source: str, column: str) -> Array:
    needed = []
    for row, value in zip(rows, values, strict=True):
        try:
            label = parse_label(value, None)
        except ValueError:
            reason = "it must be yes or no, 1 or 0, true or false, or empty"
            raise wrong_cell(source, row, column, value, reason) from None
        needed.append(np.nan if label is None else label)
    return np.array(needed, dtype=np.float64)


def _scores(values: Sequence[Any], rows: Sequence[int], source: str, column: str) -> Array:
    scores = []
    for row, value in zip(rows, values, strict=True):
        try:
            score = np.nan if is_nothing(value) else float(value)
        except (TypeError, ValueError):
            score = -1.0
        if not (np.isnan(score) or 0 <= score <= 1):
            raise wrong_cell(
                source,
                row,
                column,
                value,
                "it must be a probability (0..1), as escalate score writes it; rename the column, or name"
                " its prefix with --scores",
            )
        scores.append(score)
    return np.array(scores)
