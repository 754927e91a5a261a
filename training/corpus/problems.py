"""What a check of the corpus finds wrong."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing wrong with a corpus.

    Attributes:
        severity: An error makes the check fail, a warning does not.
        check: Name of the check that found it.
        text: What, where, the limit and the remedy.
    """

    severity: Literal["error", "warning"]
    check: str
    text: str


def error(check: str, text: str) -> Problem:
    """Return a problem that makes the check fail."""
    return Problem("error", check, text)


def warning(check: str, text: str) -> Problem:
    """Return a problem that a corpus may have."""
    return Problem("warning", check, text)
