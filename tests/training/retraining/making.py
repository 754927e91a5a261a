"""Tickets of a tiny support desk, as CSV files of any shape."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from random import Random
from typing import Any

from typer.testing import CliRunner, Result

from training.__main__ import app
from training.fitting.recipe import Recipe

OUTPUTS = ("complexity", "negative_sentiment", "human_requested")


def _needs(start: str, *words: str) -> tuple[str, dict[str, str]]:
    return start, dict(zip(OUTPUTS, words, strict=True))


WORDS = {
    "cs": _needs("kde je balík", "podvod", "hrozné", "člověka"),
    "en": _needs("where is my parcel", "fraud", "awful", "human"),
}
"""What the tiny model was trained on."""

SHIFTED = {
    "cs": _needs("vlak nejede", "reklamace", "zoufalost", "kolegu"),
    "en": _needs("no train here", "lawsuit", "dreadful", "agent"),
}
"""The same needs in words that it has never seen."""

Words = dict[str, tuple[str, dict[str, str]]]


@dataclass(frozen=True)
class Ticket:
    text: str
    language: str
    labels: dict[str, int]


def make_tickets(count: int, words: Words, seed: int = 1) -> list[Ticket]:
    """Return tickets whose labels stand in single words, with random words that keep texts apart."""
    random = Random(seed)
    tickets = []
    for i in range(count):
        language = sorted(words)[i % len(words)]
        start, needs = words[language]
        labels = {output: int(random.random() < 0.3) for output in needs}
        said = [start, *(word for output, word in needs.items() if labels[output])]
        # As many words whatever the labels, so that the length tells nothing.
        noise = ["".join(random.choices("bcdfgklmnprstvz", k=5)) for _ in range(6 - len(said))]
        tickets.append(Ticket(" ".join([*said, *noise]), language, labels))
    return tickets


def write_csv(
    path: Path,
    tickets: Sequence[Ticket],
    label: Callable[[Ticket, str], Any] = lambda ticket, output: ticket.labels[output],
) -> Path:
    """Write tickets with columns of the tickets' own names; ``label`` gives the cells of the labels."""
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["body", "lang", "is_complex", "is_angry", "wants_human"])
        for ticket in tickets:
            cells = [label(ticket, output) for output in OUTPUTS]
            writer.writerow([ticket.text, ticket.language, *("" if cell is None else cell for cell in cells)])
    return path


COLUMNS = (
    "--text", "body", "--language", "lang", "--complexity", "is_complex",
    "--negative-sentiment", "is_angry", "--human-requested", "wants_human",
)  # fmt: skip


def write_recipe(path: Path, recipe: Recipe) -> Path:
    """Write a recipe as TOML."""
    data = asdict(recipe)
    stages = {name: data.pop(name) for name in ("teacher", "student")}
    lines = [f"{name} = {json.dumps(value)}" for name, value in data.items()]
    for name, settings in stages.items():
        lines += [f"[{name}]", *(f"{key} = {json.dumps(value)}" for key, value in settings.items())]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def run(*arguments: str | Path) -> Result:
    """Run ``python -m training`` in this process."""
    return CliRunner().invoke(app, [str(argument) for argument in arguments])
