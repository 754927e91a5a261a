"""How languages, outputs, numbers and tables are written for people."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, Final

from tabulate import tabulate

LANGUAGE_NAMES: Final[Mapping[str, str]] = {
    "he": "Hebrew",
    "ar": "Arabic",
    "cs": "Czech",
    "en": "English",
    "other": "other",
}
ALL: Final = "all"
"""Stands for all languages together."""

ALL_LANGUAGES: Final = "all languages"
"""The same for a person."""

OUTPUT_NAMES: Final[Mapping[str, str]] = {
    "complexity": "complexity",
    "negative_sentiment": "negative sentiment",
    "human_requested": "human requested",
}

_MISSING: Final = "–"
# First strong isolate and its end: they keep right-to-left text from moving what stands beside it.
_ISOLATE: Final = "\u2068"
_END_ISOLATE: Final = "\u2069"


def markdown_table(rows: Sequence[Sequence[Any]], headers: Sequence[str]) -> str:
    """Return a Markdown table; numbers are shown as they were formatted."""
    shown = [[str(cell).replace("|", r"\|") for cell in row] for row in rows]
    return tabulate(shown, headers, tablefmt="github", disable_numparse=True)


def number(value: float | None, digits: int = 3) -> str:
    """Return a number with fixed digits, or a dash where there is none."""
    return _MISSING if value is None or math.isnan(value) else f"{value:.{digits}f}"


def percent(value: float | None, digits: int = 1) -> str:
    """Return a share (0..1) in percent, or a dash where there is none."""
    return _MISSING if value is None or math.isnan(value) else f"{value:.{digits}%}"


def isolated(text: str) -> str:
    """Return a message so that it is set in its own direction, whatever stands beside it."""
    return f"{_ISOLATE}{text}{_END_ISOLATE}"
