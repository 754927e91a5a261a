"""Counts personal data in texts by kind. What is found is counted, never returned."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from datetime import date
from typing import Final

from phonenumbers import PhoneNumberMatcher
from stdnum import iban, luhn
from stdnum.cz import rc
from stdnum.il import idnr
from stdnum.us import ssn

KINDS: Final = (
    "e-mail",
    "IBAN",
    "card number",
    "Israeli identity number",
    "Czech birth number",
    "Egyptian national id",
    "Saudi national id",
    "Emirates id",
    "US social security number",
    "phone number",
)

Found = tuple[str, int, int]
"""A kind and where a text holds it."""

_FEWEST_DIGITS: Final = 7
_EMAIL: Final = re.compile(r"[\w.+-]{1,64}@(?:[\w-]{1,63}\.){1,8}[^\W\d_]{2,24}")
_IBAN: Final = re.compile(r"(?<![^\W_])[A-Za-z]{2}\d{2}(?:[ -]?[A-Za-z0-9]){11,30}")
_CARD: Final = re.compile(r"(?<!\d)[2-6]\d{3}(?:[ -]?\d){9,15}(?!\d)")
_NINE_DIGITS: Final = re.compile(r"(?<![\d-])\d{8}-?\d(?![\d-])")
_CZECH: Final = re.compile(r"(?<!\d)(?:\d{6}/\d{3,4}|\d{10})(?!\d)")
_FOURTEEN_DIGITS: Final = re.compile(r"(?<!\d)[23]\d{13}(?!\d)")
_TEN_DIGITS: Final = re.compile(r"(?<!\d)[12]\d{9}(?!\d)")
_EMIRATES: Final = re.compile(r"(?<!\d)784-?\d{4}-?\d{7}-?\d(?!\d)")
# It has no checksum: without its hyphens it is any number of nine digits.
_SOCIAL_SECURITY: Final = re.compile(r"(?<![\d-])\d{3}-\d{2}-\d{4}(?![\d-])")

# A checksum of one digit holds by chance for a tenth of all order numbers, so that only the identity
# numbers and dialling rules are tried that a writer of the language is likely to have.
_IDENTITIES: Final[Mapping[str, tuple[str, ...]]] = {
    "he": ("Israeli identity number",),
    "ar": ("Egyptian national id", "Saudi national id", "Emirates id", "Israeli identity number"),
    "cs": ("Czech birth number",),
}
_REGIONS: Final[Mapping[str, tuple[str, ...]]] = {
    "he": ("IL",),
    "ar": ("EG", "SA", "AE", "IL", "JO", "MA"),
    "cs": ("CZ", "SK"),
    "en": ("US", "GB"),
}
_ALL_REGIONS: Final = tuple(dict.fromkeys(region for regions in _REGIONS.values() for region in regions))
_EGYPTIAN_CENTURIES: Final = {"2": 1900, "3": 2000}
_EGYPTIAN_GOVERNORATES: Final = frozenset(
    f"{code:02}" for code in (*range(1, 5), *range(11, 20), *range(21, 30), *range(31, 36), 88)
)


def count_personal_data(text: str, language: str | None) -> Counter[str]:
    """Count what looks like personal data in a text.

    Numbers count when their checksum, date or dialling code is right; a few will be so by chance.

    Args:
        text: A message as it was written.
        language: Its language; it tells which identity numbers and phone numbers to look for. None for
            those of all.

    Returns:
        How many there are of each of ``KINDS``.
    """
    text = "".join(map(_ascii_digit, text))
    counts: Counter[str] = Counter()
    if "@" not in text and sum(map(str.isdigit, text)) < _FEWEST_DIGITS:
        return counts
    for find in (_emails, _ibans, _cards, _identities, _phones):
        found = list(find(text, language))
        counts.update(kind for kind, _, _ in found)
        for _, start, end in found:
            # What is one thing is not also another.
            text = text[:start] + "\n" * (end - start) + text[end:]
    return counts


def is_egyptian_id(number: str) -> bool:
    """Tell whether 14 digits have the century, birth date and governorate of an Egyptian national id."""
    if number[7:9] not in _EGYPTIAN_GOVERNORATES:
        return False
    try:
        year = _EGYPTIAN_CENTURIES[number[0]] + int(number[1:3])
        return date(year, int(number[3:5]), int(number[5:7])) <= date.today()
    except (KeyError, ValueError):
        return False


def _is_card(number: str) -> bool:
    digits = re.sub("[ -]", "", number)
    return luhn.is_valid(digits) and len(set(digits)) > 1


_CHECKS: Final[Mapping[str, tuple[re.Pattern[str], Callable[[str], bool]]]] = {
    "Israeli identity number": (_NINE_DIGITS, idnr.is_valid),
    "Czech birth number": (_CZECH, rc.is_valid),
    "Egyptian national id": (_FOURTEEN_DIGITS, is_egyptian_id),
    "Saudi national id": (_TEN_DIGITS, luhn.is_valid),
    "Emirates id": (_EMIRATES, lambda number: luhn.is_valid(number.replace("-", ""))),
    "US social security number": (_SOCIAL_SECURITY, ssn.is_valid),
}


def _emails(text: str, language: str | None) -> Iterator[Found]:
    for match in _EMAIL.finditer(text):
        yield "e-mail", match.start(), match.end()


def _ibans(text: str, language: str | None) -> Iterator[Found]:
    for match in _IBAN.finditer(text):
        # Words after the number may have been taken with it.
        for end in range(len(match[0]), 14, -1):
            if iban.is_valid(match[0][:end]):
                yield "IBAN", match.start(), match.start() + end
                break


def _cards(text: str, language: str | None) -> Iterator[Found]:
    for match in _CARD.finditer(text):
        # The Egyptian id has as many digits as a card and a right checksum by chance.
        if _is_card(match[0]) and not (language in ("ar", None) and is_egyptian_id(match[0])):
            yield "card number", match.start(), match.end()


def _identities(text: str, language: str | None) -> Iterator[Found]:
    taken: set[tuple[int, int]] = set()
    for kind in _IDENTITIES.get(language or "", tuple(_CHECKS)):
        pattern, is_valid = _CHECKS[kind]
        for match in pattern.finditer(text):
            if match.span() not in taken and is_valid(match[0]):
                taken.add(match.span())
                yield kind, match.start(), match.end()


def _phones(text: str, language: str | None) -> Iterator[Found]:
    taken: list[range] = []
    for region in _ALL_REGIONS if language is None else _REGIONS.get(language, _REGIONS["en"]):
        for match in PhoneNumberMatcher(text, region):
            span = range(match.start, match.end)
            if not any(set(span) & set(other) for other in taken):
                taken.append(span)
                yield "phone number", match.start, match.end


def _ascii_digit(character: str) -> str:
    return str(unicodedata.digit(character)) if character.isdigit() else character
