"""Files of tickets for tests, and the commands that take them."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Sequence
from pathlib import Path

from typer.testing import CliRunner

from training.__main__ import app

HEADER = ("id", "text", "language", "complexity", "negative_sentiment", "human_requested")

_SUBJECTS = ("parcel", "invoice", "router", "contract", "refund", "card", "booking", "password", "meter")
_VERBS = ("arrive", "expire", "change", "stop", "renew", "begin", "update", "return", "close", "vanish")


def text_of(number: int) -> str:
    """Return one of 90 texts that are not nearly equal to another."""
    subject, verb = _SUBJECTS[number % 9], _VERBS[number // 9]
    return f"{verb}ing {subject}s: {subject} {verb}, {verb} {subject}"


def make_rows(count: int) -> list[list[str]]:
    """Return rows of ``HEADER`` with labels of both kinds, at most 90."""
    return [[f"t{n}", text_of(n), "en", str(n % 2), str(n // 2 % 2), str(n // 4 % 2)] for n in range(count)]


def write_rows(
    path: Path,
    rows: Iterable[Sequence[str]],
    header: Sequence[str] = HEADER,
    encoding: str = "utf-8",
    delimiter: str = ",",
) -> Path:
    """Write a CSV file."""
    with path.open("w", encoding=encoding, newline="") as file:
        writer = csv.writer(file, delimiter=delimiter)
        writer.writerow(header)
        writer.writerows(rows)
    return path


def run(*arguments: object) -> tuple[int, str]:
    """Run ``python -m training``; return its exit code and what it printed, errors included."""
    result = CliRunner().invoke(app, [*map(str, arguments)], env={"COLUMNS": "200"})
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result.exit_code, result.output
