"""Streams of past decisions whose drift is known."""

from __future__ import annotations

import csv
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np

from escalate.policy import LANGUAGES, OUTPUTS
from tests.training.making import POLICY
from training.corpus.messages import Message
from training.feedback.verdicts import Verdicts

Change = Callable[[dict[str, Any], float, np.random.Generator], None]
"""Changes a row in place; gets its place in time (0..1) and a source of chance."""

SMALL_TALK = (
    "please",
    "today",
    "again",
    "hello",
    "thanks",
    "still",
    "now",
    "order",
    "shop",
    "week",
    "day",
    "ok",
)

START = datetime(2025, 1, 6)
DAYS = 112
_TEXTS = {
    "he": "איפה החבילה שלי",
    "ar": "أين الطلب",
    "cs": "kde je můj balík",
    "en": "where is my parcel",
}


def decisions(count: int, change: Change | None = None, seed: int = 1) -> list[dict[str, Any]]:
    """Return decisions of a calibrated model over DAYS days, languages in turn, changed as asked."""
    random = np.random.default_rng(seed)
    rows = []
    for i in range(count):
        language = LANGUAGES[i % len(LANGUAGES)]
        probabilities = dict(zip(OUTPUTS, random.beta(0.35, 1.2, 3).tolist(), strict=True))
        expected = 1 - np.prod([1 - p for p in probabilities.values()])
        row = {
            "id": f"d-{i}",
            "text": small_talk(_TEXTS[language], random),
            "action": POLICY.decide(probabilities, language).action,
            "needed_a_person": "yes" if random.random() < expected else "no",
            "time": (START + timedelta(days=DAYS * i / count)).isoformat(),
            "language": language,
            **probabilities,
            "model": "0.1.0",
        }
        if change is not None:
            change(row, i / count, random)
        rows.append(row)
    return rows


def small_talk(text: str, random: np.random.Generator) -> str:
    """Return a text with some words more, so that few texts are equal."""
    return f"{text} {' '.join(random.choice(SMALL_TALK, 4))}"


def turn(row: dict[str, Any]) -> None:
    """Turn a verdict round."""
    row["needed_a_person"] = "no" if row["needed_a_person"] == "yes" else "yes"


def verdicts_of(rows: Sequence[dict[str, Any]]) -> Verdicts:
    """Return decisions as they are read from a file."""
    said = {"yes": 1.0, "no": 0.0, "": np.nan}
    return Verdicts(
        messages=[Message(row["id"], row["text"], row["language"]) for row in rows],
        times=[datetime.fromisoformat(row["time"]) for row in rows],
        actions=np.array([row["action"] for row in rows], dtype=object),
        needed=np.array([said[row["needed_a_person"]] for row in rows]),
        probabilities=np.array([[row[output] for output in OUTPUTS] for row in rows]),
        models=("0.1.0",),
        rescored=None,
        source="stream",
    )


def write(path: Path, rows: Sequence[dict[str, Any]]) -> Path:
    """Write decisions as CSV."""
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return path
