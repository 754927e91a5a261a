"""What was counted while scoring: small, whatever the number of rows, and kept in the journal."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import pyarrow as pa

from escalate.bundle import LANGUAGE_CLASSES
from escalate.policy import ACTIONS, OUTPUTS, Action
from escalate.scoring.answers import OK
from escalate.scoring.values import readable

BINS: Final = 20
"""Bins of equal width in a distribution of scores."""

NO_MONTH: Final = "unknown"
"""The month of a row whose time is missing or does not begin like ``2024-05``."""

_EXAMPLES: Final = 5
_MONTH: Final = re.compile(r"\s*(\d{4})-(0[1-9]|1[0-2])(?!\d)")


@dataclass(frozen=True)
class BadRow:
    """A row without an answer: where it is (rows count from 1), its id if known, and why."""

    file: str
    row: int
    id: str | None
    status: str

    def __str__(self) -> str:
        named = f" (id {self.id})" if self.id is not None else ""
        return f"{self.file}, row {self.row}{named}: {self.status}"


@dataclass
class Tally:
    """Counts over rows.

    Attributes:
        statuses: Rows by status.
        actions: Answered rows by month (empty without a time column), language and action.
        scores: Answered rows by language, output and bin of its probability.
        bad_rows: The first rows without an answer.
    """

    statuses: Counter[str] = field(default_factory=Counter)
    actions: Counter[tuple[str, str, Action]] = field(default_factory=Counter)
    scores: Counter[tuple[str, str, int]] = field(default_factory=Counter)
    bad_rows: list[BadRow] = field(default_factory=list)

    @property
    def rows(self) -> int:
        """Rows in all."""
        return sum(self.statuses.values())

    def count(self, added: pa.RecordBatch, prefix: str, months: Sequence[str]) -> None:
        """Count rows by what was added to them.

        Args:
            added: The added columns.
            prefix: What their names begin with.
            months: A month for every row; empty strings without a time column.
        """
        columns = {
            name: added.column(prefix + name).to_pylist()
            for name in (*OUTPUTS, "language", "action", "status")
        }
        self.statuses.update(columns["status"])
        for row, language in enumerate(columns["language"]):
            if language is None:
                continue
            self.actions[months[row], language, columns["action"][row]] += 1
            for output in OUTPUTS:
                self.scores[language, output, min(int(columns[output][row] * BINS), BINS - 1)] += 1

    def note(self, bad_rows: Iterable[BadRow]) -> None:
        """Keep the first bad rows."""
        self.bad_rows = [*self.bad_rows, *bad_rows][:_EXAMPLES]

    def add(self, other: Tally) -> None:
        """Add the counts of another tally, of rows that come later."""
        self.statuses.update(other.statuses)
        self.actions.update(other.actions)
        self.scores.update(other.scores)
        self.note(other.bad_rows)

    def to_dict(self) -> dict[str, Any]:
        """Return the tally as JSON-ready data."""
        return {
            "statuses": self.statuses,
            "actions": [[*key, number] for key, number in self.actions.items()],
            "scores": [[*key, number] for key, number in self.scores.items()],
            "bad_rows": [[bad.file, bad.row, bad.id, bad.status] for bad in self.bad_rows],
        }

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> Tally:
        """Return the tally that ``to_dict`` described."""
        return cls(
            Counter(data["statuses"]),
            Counter({(month, language, action): n for month, language, action, n in data["actions"]}),
            Counter({(language, output, place): n for language, output, place, n in data["scores"]}),
            [BadRow(*values) for values in data["bad_rows"]],
        )


@dataclass(frozen=True)
class ActionCounts:
    """How many rows got which action.

    Attributes:
        rows: Answered rows.
        actions: Rows by action, in the order of ``ACTIONS``.
    """

    rows: int
    actions: tuple[int, ...]

    @property
    def escalation_rate(self) -> float | None:
        """Share (0..1) of the rows that a person must take over; None without rows."""
        return self.actions[ACTIONS.index("escalate")] / self.rows if self.rows else None


def count_actions(tally: Tally, *, language: str | None = None, month: str | None = None) -> ActionCounts:
    """Return the actions of all rows, or of those of a language, of a month, or of both."""
    counts = dict.fromkeys(ACTIONS, 0)
    for (own_month, own_language, action), rows in tally.actions.items():
        if language in (None, own_language) and month in (None, own_month):
            counts[action] += rows
    return ActionCounts(sum(counts.values()), tuple(counts.values()))


def show_rate(counts: ActionCounts) -> str:
    """Return an escalation rate as it is shown in tables."""
    rate = counts.escalation_rate
    return "–" if rate is None else f"{rate:.1%}"


def languages_of(tally: Tally) -> list[str]:
    """Return the languages that occur, in the order of the model's classes."""
    found = {language for _, language, _ in tally.actions}
    return [language for language in LANGUAGE_CLASSES if language in found]


def months_in(tally: Tally) -> list[str]:
    """Return the months that occur, in their order, the unknown one last; none without times."""
    return sorted({month for month, _, _ in tally.actions} - {""})


def months_of(times: Iterable[object]) -> list[str]:
    """Return the month (``2024-05``) of times that are written as in ISO 8601."""
    found = (_MONTH.match(time) if isinstance(time, str) else None for time in times)
    return [f"{match[1]}-{match[2]}" if match else NO_MONTH for match in found]


def bad_rows_of(
    file: str, first_row: int, ids: Sequence[object] | None, statuses: Sequence[str]
) -> list[BadRow]:
    """Return the rows of a block that have no answer."""
    return [
        BadRow(
            readable(file),
            first_row + i,
            None if ids is None or ids[i] is None else readable(str(ids[i])),
            status,
        )
        for i, status in enumerate(statuses)
        if status != OK
    ]
