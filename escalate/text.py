"""The only text normalisation of the project: what the model reads, in training and in service.

Two spellings of one message that differ only in marks a reader does not see or does not need
(bidi controls, zero-width characters, niqqud, tashkeel, tatweel, Unicode composition, letter case,
full stops at the end, a Hebrew final letter in its middle form, a word typed again and again, Arabic on a
Persian keyboard) become the same string here, so that they cannot get different answers. No letter is
deleted but those of repetitions.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Mapping
from typing import Final

NORMALISER_VERSION: Final = 4
"""Raised with every change that alters an output; a bundle is read with the version it trained with."""

# Format characters without a glyph: soft hyphen, Arabic letter mark, zero-width space/joiners, bidi
# embeddings, overrides and isolates, word joiner, invisible operators, variation selectors, BOM, tags.
_INVISIBLE: Final = (
    "\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e"
    "\u2060-\u206f\ufe00-\ufe0f\ufeff\ufff9-\ufffb\U000e0000-\U000e0fff"
)
# Hebrew points and accents without the punctuation among them (maqaf, paseq, sof pasuq, nun hafukha).
_NIQQUD: Final = "\u0591-\u05bd\u05bf\u05c1\u05c2\u05c4\u05c5\u05c7"
# Arabic marks above and below letters. Hamza and madda written apart have joined their letter (NFKC)
# before these are removed, so that only marks that change no letter are left.
_TASHKEEL: Final = "\u0610-\u061a\u064b-\u065f\u0670\u06d6-\u06dc\u06df-\u06e8\u06ea-\u06ed\u08d3-\u08ff"
_TATWEEL: Final = "\u0640"

_REMOVED_FIRST: Final = re.compile(f"[{_INVISIBLE}{_TATWEEL}]")
_REMOVED_THEN: Final = re.compile(f"[{_INVISIBLE}{_TATWEEL}{_NIQQUD}{_TASHKEEL}]")
_SURROGATE: Final = re.compile("[\ud800-\udfff]")
_CONTROL_OR_SPACE: Final = re.compile(r"[\x00-\x1f\x7f-\x9f\s]+")
# Combining marks of alternating classes take Unicode normalisation quadratic time; no writing needs so many.
# The half-width sound marks count as letters, but become combining marks (NFKC).
_SOUND_MARKS: Final = "\uff9e\uff9f"
_MANY_MARKS: Final = re.compile(rf"(?:[^\w\s]|[{_SOUND_MARKS}]){{65,}}")
_MOST_MARKS: Final = 64
_LONG_MARKS: Final = re.compile(r"([^\w\s]{64})[^\w\s]+")
_LONG_RUN: Final = re.compile(r"(.)\1{3,}", re.DOTALL)
_LONG_NUMBER: Final = re.compile(r"[0-9]{4,}")
# Not פ: many loanwords end in it (וואטסאפ). Not before a quotation mark or a hyphen: an abbreviation, or a
# prefix before a number (ומ-10). Acronyms without a mark (מעמ) get a final letter too, always the same.
_HEBREW_SLIP: Final = re.compile(r"(?<=[א-ת])[כמנצ](?![\w'\"`‘’“”׳״′″\-‐–־])")
_HEBREW_FINALS: Final = str.maketrans("כמנצ", "ךםןץ")
# A word typed again and again ("agent agent agent agent"), which customers who wait do.
_LONG_REPETITION: Final = re.compile(r"(?<!\S)(\S+)((?: \1(?!\S)){2})(?: \1(?!\S))+")
# Yeh and kaf of Persian keyboards, with which Arabic is typed too; not beside letters that Arabic lacks.
_PERSIAN_KEYBOARD: Final = str.maketrans("\u06cc\u06a9", "\u064a\u0643")
_NOT_ARABIC: Final = re.compile("[پچژگٹڈڑںےہھۓێۆڕڵڤەڭۇۈۋۉېټډړږښځڅڼۍ]")
_ENDING: Final = ".! "
_CODE: Final = re.compile(r"[0-9]{3}|\S@\S|://|^www\.")
_DIGITS: Final = {first + digit: str(digit) for first in (0x0660, 0x06F0) for digit in range(10)}


def normalise(text: str) -> str:
    """Return the one spelling of ``text`` that the model reads.

    In order: lone surrogates become U+FFFD; invisible characters and tatweel go; of
    more than 64 marks (what is neither letter, digit nor space) in a row combining ones after the 64th go;
    NFKC; niqqud and tashkeel go; lower case; Arabic-Indic digits become 0-9; a number of four or more digits
    (order numbers, phones, years) becomes ``000``; a Hebrew word gets its final letter (except פ, and except
    before a quotation mark or a hyphen); the Persian yeh and kaf become the Arabic ones, unless the text has
    a letter that Arabic lacks; a character repeated more than three times is kept three times; of
    more than 64 marks in a row the first 64 are kept; control characters and white space fold to single
    spaces; full stops and exclamation marks at the end go, unless there is nothing else; a word repeated more
    than three times is kept three times.

    Args:
        text: Any string, lone surrogates and control characters included.

    Returns:
        A string without leading or trailing space, possibly empty. The function is idempotent:
        ``normalise(normalise(text)) == normalise(text)``.
    """
    letters = _with_arabic_letters(_with_final_letters(_clean(text, _thin_out_marks)))
    return _shorten_repetitions(_without_ending(_shorten(letters)))


def _normalise_1(text: str) -> str:
    return _shorten(_clean(text, _cut_marks))


def _normalise_2(text: str) -> str:
    return _without_ending(_shorten_runs(_with_final_letters(_normalise_1(text))))


def _normalise_3(text: str) -> str:
    return _without_ending(_shorten(_with_final_letters(_clean(text, _thin_out_marks))))


NORMALISERS: Final[Mapping[int, Callable[[str], str]]] = {
    1: _normalise_1,
    2: _normalise_2,
    3: _normalise_3,
    4: normalise,
}
"""The normaliser of each version; a model goes on reading what it was trained to read."""


def _clean(text: str, bound_marks: Callable[[str], str]) -> str:
    if not text.isascii():
        text = bound_marks(_REMOVED_FIRST.sub("", _SURROGATE.sub("\ufffd", text)))
        text = unicodedata.normalize("NFKC", text)
        text = _REMOVED_THEN.sub("", text).translate(_DIGITS)
        # Lower case can decompose (İ) and removal can bring a letter and its mark together.
        text = unicodedata.normalize("NFKC", text.lower())
        text = _REMOVED_THEN.sub("", text)
    else:
        text = text.lower()
    return _LONG_NUMBER.sub("000", text)


def _shorten(text: str) -> str:
    return _CONTROL_OR_SPACE.sub(" ", _cut_marks(_shorten_runs(text))).strip()


def _shorten_runs(text: str) -> str:
    return _LONG_RUN.sub(r"\1\1\1", text)


def _shorten_repetitions(text: str) -> str:
    return _LONG_REPETITION.sub(r"\1\2", text)


def _with_arabic_letters(text: str) -> str:
    return text if _NOT_ARABIC.search(text) else text.translate(_PERSIAN_KEYBOARD)


def _with_final_letters(text: str) -> str:
    return _HEBREW_SLIP.sub(lambda letter: letter[0].translate(_HEBREW_FINALS), text)


def _without_ending(text: str) -> str:
    return text.rstrip(_ENDING) or text


def _thin_out_marks(text: str) -> str:
    return _MANY_MARKS.sub(lambda marks: _without_late_combining(marks[0]), text)


def _without_late_combining(marks: str) -> str:
    late = (mark for mark in marks[_MOST_MARKS:] if not _combines(mark))
    return marks[:_MOST_MARKS] + "".join(late)


def _combines(mark: str) -> bool:
    # Not by combining class: some marks of class 0 decompose into others.
    return unicodedata.category(mark).startswith("M") or mark in _SOUND_MARKS


def _cut_marks(text: str) -> str:
    return _LONG_MARKS.sub(r"\1", text)


def has_words(text: str) -> bool:
    """Tell whether ``text`` holds a letter of any script outside of codes, addresses and links.

    A code has three digits in a row (``AB-1234``, an IBAN). Fewer make none: Arabic in Latin letters writes
    some of its own with digits (``3ayez``).
    """
    return any(
        any(character.isalpha() for character in word) and not _CODE.search(word) for word in text.split()
    )
