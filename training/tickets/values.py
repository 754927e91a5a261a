"""What single values of a tickets file mean: labels, languages, times."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

from langcodes import Language, standardize_tag
from langcodes.tag_parser import LanguageTagError

from escalate.bundle import LANGUAGE_CLASSES

_YES: Final = frozenset(("1", "true", "yes", "y", "t", "כן", "نعم", "ano"))
_NO: Final = frozenset(("0", "false", "no", "n", "f", "לא", "لا", "ne"))
_UNKNOWN_LANGUAGES: Final = frozenset(("und", "unknown", "mul", "mixed", "?"))
# As Czech spreadsheets write it; three digits would be thousands.
_DECIMAL_COMMA: Final = re.compile(r"-?\d+,\d{1,2}")
_NOTHING: Final = frozenset(("", "null", "none", "nan", "na", "n/a", "<na>"))
_KINDS_OF_ARABIC: Final = ("acm", "acw", "aeb", "afb", "ajp", "apc", "arb", "arq", "ars", "ary", "arz")
_LANGUAGES: Final = {
    "hebrew": "he",
    "עברית": "he",
    "arabic": "ar",
    "العربية": "ar",
    "عربي": "ar",
    "czech": "cs",
    "čeština": "cs",
    "cz": "cs",
    "english": "en",
    "other": "other",
    **dict.fromkeys(_KINDS_OF_ARABIC, "ar"),
}


def is_nothing(value: Any) -> bool:
    """Tell whether a cell is empty, as files of any kind say it."""
    if isinstance(value, float):
        return math.isnan(value)
    return value is None or (isinstance(value, str) and value.strip().casefold() in _NOTHING)


def parse_label(value: Any, cut: float | None) -> int | None:
    """Return the label of a cell, None for an empty one.

    Args:
        value: 0 or 1, true or false, yes or no (also in the other three languages), or with a cut a
            number.
        cut: The lowest score that means 1; None where there are no scores.

    Raises:
        ValueError: It is something else; the error says what is allowed.
    """
    if is_nothing(value):
        return None
    if cut is not None:
        try:
            decimal = isinstance(value, str) and _DECIMAL_COMMA.fullmatch(value.strip())
            score = float(value.replace(",", ".") if decimal else value)
        except (TypeError, ValueError):
            raise ValueError("with a cut it must be a number such as 3.5, or empty") from None
        return int(score >= cut)
    word = str(value).strip().casefold()
    if word in _YES or _is_number(word, 1):
        return 1
    if word in _NO or _is_number(word, 0):
        return 0
    raise ValueError("it must be 0 or 1, true or false, yes or no, or empty; for scores give a --cut")


def _is_number(word: str, number: int) -> bool:
    """Tell whether a word is a number, also as ``1.0`` or in the digits of Arabic."""
    try:
        return float(word) == number
    except ValueError:
        return False


def parse_language(value: Any) -> str | None:
    """Return the language class of a cell, None for an empty one.

    Args:
        value: A language code such as ``he``, ``heb``, ``iw`` or ``ar-EG``, or an English or own name.

    Raises:
        ValueError: It is no language; the error says what is allowed.
    """
    word = str(value).strip().casefold()
    if is_nothing(value) or word in _UNKNOWN_LANGUAGES:
        return None
    if word in _LANGUAGES:
        return _LANGUAGES[word]
    try:
        tag = Language.get(standardize_tag(word))
    except LanguageTagError:
        tag = Language.make()
    if not tag.language or not tag.is_valid():
        raise ValueError(
            "it must be a language code, such as he, ar, cs, en, or empty; --language '' leaves it out"
        )
    return tag.language if tag.language in LANGUAGE_CLASSES else "other"


def parse_times(values: Sequence[Any], time_format: str | None) -> tuple[list[datetime | None], int | None]:
    """Return the times of a column in UTC, and the position of the first value that is none.

    Args:
        values: Times, or strings in ISO 8601 or the given format; a time without a zone is in UTC.
        time_format: In the notation of ``strptime``.

    Raises:
        ValueError: It is not in that notation.
    """
    import pandas

    given = [None if is_nothing(value) else value for value in values]
    parsed = pandas.to_datetime(
        pandas.Series(given, dtype=object), errors="coerce", utc=True, format=time_format or "ISO8601"
    )
    times = [None if pandas.isna(time) else time.to_pydatetime() for time in parsed]
    pairs = enumerate(zip(given, times, strict=True))
    wrong = next((i for i, (value, time) in pairs if value is not None and time is None), None)
    return times, wrong
