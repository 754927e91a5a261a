"""Reads a data scientist's tickets from a file, a ``datasets`` folder or the hub."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Mapping, Sequence, Set
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any, Final, TypeVar

from tqdm.auto import tqdm

from escalate.classifier import Classifier
from escalate.policy import OUTPUTS
from escalate.processor import usable_cores
from training.corpus.messages import Message
from training.errors import TicketsError
from training.tickets.cells import wrong_cell
from training.tickets.columns import Columns
from training.tickets.tables import Table, read_table
from training.tickets.values import is_nothing, parse_label, parse_language, parse_times

Value = TypeVar("Value")

_ENOUGH_FOR_PROGRESS: Final = 500


@dataclass(frozen=True, slots=True)
class Tickets:
    """Messages of one source, in its order.

    Attributes:
        messages: The messages. One in a language other than the four has no labels.
        times: When each came, in UTC, or None where that is not known.
        rows: The row of each in the source: in a CSV file as a spreadsheet counts, so that the first
            is 2, else from 1.
        source: The file, folder or hub id.
        columns: The column of every field that the source has.
        without_text: Rows that hold no text and are no messages.
        languages_given: Whether the source says the language of every message; else a model read some.
    """

    messages: tuple[Message, ...]
    times: tuple[datetime | None, ...]
    rows: tuple[int, ...]
    source: str
    columns: Mapping[str, str]
    without_text: tuple[int, ...] = ()
    languages_given: bool = False


def read_tickets(source: str | Path, columns: Columns, left_out: Set[int] = frozenset()) -> Tickets:
    """Read tickets.

    Args:
        source: A CSV, JSON-lines or Parquet file, a folder that ``datasets`` reads, or a hub id.
        columns: Which column holds what.
        left_out: Rows that are not wanted, whatever they hold.

    Raises:
        TicketsError: The source cannot be read or has no messages, a named column is not there, a
            value is unknown, or an id occurs twice.
    """
    table, found = read_columns(source, columns)
    table = table.part([row not in left_out for row in table.rows])
    has_text = [_has_text(value) for value in table.columns[found["text"]]]
    if not any(has_text):
        raise TicketsError(f"{source} has no row with a text in the column {found['text']!r}")
    kept = table.part(has_text)
    reader = _Reader(str(source), kept, found)
    fields: dict[str, Sequence[Any]] = {
        "text": reader.parsed("text", _string),
        **{kind: reader.parsed(kind, _name) for kind in ("group", "domain", "channel")},
    }
    for output in OUTPUTS:
        cut = columns.cuts.get(output)
        fields[output] = reader.parsed(output, partial(parse_label, cut=cut))
    fields["id"] = reader.ids()
    languages = reader.parsed("language", parse_language)
    fields["language"] = _with_read_languages(languages, fields["text"])
    return Tickets(
        messages=tuple(
            _message(dict(zip(fields, values, strict=True))) for values in zip(*fields.values(), strict=True)
        ),
        times=tuple(reader.times(columns.time_format)),
        rows=tuple(kept.rows),
        source=str(source),
        columns=found,
        without_text=tuple(row for row, here in zip(table.rows, has_text, strict=True) if not here),
        languages_given=None not in languages,
    )


def read_columns(source: str | Path, columns: Columns) -> tuple[Table, dict[str, str]]:
    """Return the columns of a source as they are, and the column of every field.

    Raises:
        TicketsError: The source cannot be read, or a named column is not there.
    """
    found: dict[str, str] = {}

    def choose(names: Sequence[str]) -> list[str]:
        try:
            found.update(columns.find(names))
        except TicketsError as error:
            raise TicketsError(f"{source}: {error}") from None
        return [*dict.fromkeys(found.values())]

    return read_table(source, choose, columns.encoding, columns.delimiter), found


def without_text_notes(rows: int) -> tuple[str, ...]:
    """Return a sentence on the rows that are left out because they hold no text, none for 0 rows."""
    return (f"Left out, because there is no text: {rows:,} row{'' if rows == 1 else 's'}.",) if rows else ()


class _Reader:
    """Parses the columns of a table; its errors name the column and the row."""

    def __init__(self, source: str, table: Table, found: Mapping[str, str]) -> None:
        self.source = source
        self.table = table
        self.found = found

    def values(self, kind: str) -> Sequence[Any]:
        if kind not in self.found:
            return [None] * len(self.table.rows)
        return self.table.columns[self.found[kind]]

    def parsed(self, kind: str, parse: Callable[[Any], Value]) -> list[Value]:
        parsed = []
        wrong: list[tuple[int, str]] = []
        for position, value in enumerate(self.values(kind)):
            try:
                parsed.append(parse(value))
            except ValueError as error:
                wrong.append((position, str(error)))
        if wrong:
            position, reason = wrong[0]
            more = f"; wrong in {len(wrong):,} rows" if len(wrong) > 1 else ""
            raise self.wrong(kind, position, reason + more)
        return parsed

    def ids(self) -> list[str]:
        if "id" not in self.found:
            return [f"row {row}" for row in self.table.rows]
        ids = self.parsed("id", _string)
        names = [name for name in ids if name is not None]
        if len(names) < len(ids):
            raise self.wrong("id", ids.index(None), "every row needs an id, or --id '' for none")
        name, count = Counter(names).most_common(1)[0]
        if count > 1:
            same = [position for position, other in enumerate(names) if other == name]
            first = self.table.rows[same[0]]
            raise self.wrong(
                "id", same[1], f"row {first} has it too; give each row its own, or --id '' for none"
            )
        return names

    def times(self, time_format: str | None) -> list[datetime | None]:
        try:
            times, wrong = parse_times(self.values("time"), time_format)
        except ValueError as error:
            raise TicketsError(f"--time-format {time_format!r} cannot be used: {error}") from None
        if wrong is None:
            return times
        remedy = "name its format, such as --time-format '%d/%m/%Y %H:%M'"
        known = f"it does not follow {time_format}" if time_format else "it is not ISO 8601"
        raise self.wrong("time", wrong, f"{known}; {remedy}")

    def wrong(self, kind: str, position: int, reason: str) -> TicketsError:
        value = self.values(kind)[position]
        return wrong_cell(self.source, self.table.rows[position], self.found[kind], value, reason)


def _with_read_languages(languages: Sequence[str | None], texts: Sequence[str]) -> list[str]:
    """Fill in the languages that are not known with what the released model reads."""
    unknown = [text for text, language in zip(texts, languages, strict=True) if language is None]
    if not unknown:
        return [language for language in languages if language is not None]
    predictions = Classifier.load().predict_many(unknown, workers=usable_cores())
    progress = tqdm(
        predictions,
        desc="reading languages",
        total=len(unknown),
        unit="message",
        disable=len(unknown) < _ENOUGH_FOR_PROGRESS,
    )
    read = (prediction.language for prediction in progress)
    return [next(read) if language is None else language for language in languages]


def _message(fields: dict[str, Any]) -> Message:
    if fields["language"] == "other":
        fields |= dict.fromkeys(OUTPUTS)
    return Message(**fields)


def _has_text(value: Any) -> bool:
    # Not is_nothing: "none" or "n/a" may be all that a customer wrote.
    if isinstance(value, float) and math.isnan(value):
        return False
    return value is not None and bool(str(value).strip())


def _name(value: Any) -> str | None:
    return None if is_nothing(value) else _string(value)


def _string(value: Any) -> str | None:
    if isinstance(value, list | dict | bytes):
        raise ValueError("it must be a text")
    return None if value is None or value == "" else str(value)
