from __future__ import annotations

import json
from io import StringIO
from pathlib import Path

import pytest
from rich.console import Console

from tests.training.making import make_message
from tests.training.tickets.making import make_rows, write_rows
from training.retraining.announcing import announce_data, announce_time, duration
from training.retraining.estimating import TimeEstimate
from training.tickets.columns import Columns
from training.tickets.own_corpus import OwnCorpus, read_own_corpus, write_own_corpus
from training.tickets.reading import read_tickets
from training.tickets.splitting import split_tickets


def test_what_is_learned_is_said_before_it_starts() -> None:
    train = [make_message(i, complexity=None, human_requested=None) for i in range(80)]
    splits = {"train": train, "validation": [make_message(80)], "test": [make_message(81, language="cs")]}
    reason = "Split by group: no customer[/id] is in two splits."
    said = StringIO()
    own = OwnCorpus(Path("runs/mine/corpus"), splits, "group", reason, languages_given=True)
    announce_data(own, 0.4, 3, Console(file=said, width=40))
    assert said.getvalue().splitlines() == [
        "82 messages (1 Czech, 81 English)",
        f"{reason} 80 train, 1 validation, 1 test; they are in runs/mine/corpus",
        "  complexity: no labels of yours; it keeps what the corpus teaches",
        "  negative sentiment: 80 labels to train, 40 of them yes",
        "  human requested: no labels of yours; it keeps what the corpus teaches",
        "In each of 3 passes 80 of yours (40%) and 120 of the corpus are learned",
    ]


def test_rows_without_text_are_counted_in_every_session(tmp_path: Path) -> None:
    rows = make_rows(60)
    for row in rows[:3]:
        row[1] = " "
    tickets = read_tickets(write_rows(tmp_path / "t.csv", rows), Columns())
    write_own_corpus(tickets, split_tickets(tickets), tmp_path / "corpus")
    said = StringIO()
    announce_data(read_own_corpus(tmp_path / "corpus"), 0.5, 3, Console(file=said))
    assert said.getvalue().splitlines()[:2] == [
        "57 messages (57 English)",
        "Left out, because there is no text: 3 rows.",
    ]
    # A run that an older version began does not know.
    origin = tmp_path / "corpus" / "origin.json"
    data = json.loads(origin.read_text(encoding="utf-8"))
    del data["without_text"]
    origin.write_text(json.dumps(data), encoding="utf-8")
    announce_data(read_own_corpus(tmp_path / "corpus"), 0.5, 3, Console(file=said))
    assert said.getvalue().count("Left out") == 1


@pytest.mark.parametrize(
    ("watched", "told", "most"),
    [
        (300, "Training stops early when the loss on 300 validation messages no longer falls", "at most "),
        (0, "Training goes to its end: stopping early needs 200 labelled validation messages", ""),
    ],
)
def test_the_time_is_said_before_it_starts(watched: int, told: str, most: str) -> None:
    said = StringIO()
    expected = TimeEstimate(
        steps=300, step=2.0, measurement=10.0, measurements=12, reading=0.02, reading_among=0.01
    )
    announce_time(expected, watched, 3000, Console(file=said, width=40))
    assert said.getvalue().splitlines() == [
        told,
        f"About 12 minutes on this machine for {most}300 steps of 2.00 s, and about 2 minutes to measure "
        "and write the bundle",
    ]


def test_the_time_of_a_linear_probe_is_said_too() -> None:
    said = StringIO()
    expected = TimeEstimate(
        steps=300, step=2.0, measurement=10.0, measurements=12, reading=0.02, reading_among=0.01
    )
    announce_time(expected, 0, 3000, Console(file=said, width=40), probed=21_000)
    assert (
        said.getvalue().splitlines()[1].startswith("About 4 minutes for a linear probe, 12 minutes on this")
    )


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.2, "2 seconds"), (80, "80 seconds"), (600, "10 minutes"), (7200, "2 h 00 min")],
)
def test_durations_are_told_to_a_person(seconds: float, text: str) -> None:
    assert duration(seconds) == text
