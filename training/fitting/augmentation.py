"""Changes of a message that do not change its meaning: for training and for invariance checks.

Each change is a function ``(text, language, random) -> text`` that returns the text unchanged where it
does not apply. All chance comes from the ``random.Random`` that is passed in.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Mapping
from functools import cache
from random import Random
from typing import Final

from escalate.text import normalise
from training.fitting.courtesies import HELD_OUT, LEARNED, Courtesies
from training.fitting.lexicon import PARTS, incomplete_transliteration
from training.fitting.romanisation import romanise

Change = Callable[[str, str, Random], str]

_KEYBOARDS: Final[Mapping[str, tuple[str, ...]]] = {
    "he": ("קראטוןםפ", "שדגכעיחלך", "זסבהנמצתץ"),
    "ar": ("ضصثقفغعهخحجد", "شسيبلاتنمكط", "ئءؤرلاىةوزظ"),
    "cs": ("ěščřžýáíé", "qwertzuiop", "asdfghjkl", "yxcvbnm"),
    "en": ("qwertyuiop", "asdfghjkl", "zxcvbnm"),
}
_ARABIC_SPELLINGS: Final = (("[أإآ]", "ا"), ("ة(?!\\w)", "ه"), ("ى(?!\\w)", "ي"), ("ي(?!\\w)", "ى"))
# Unicode takes these letters for whole.
_STROKES: Final = str.maketrans("łŁđĐøØıħĦ", "lLdDoOihH")
_HEBREW_FINALS: Final = str.maketrans("םןץףך", "מנצפכ")
_TRAILING: Final = (".", "..", "...", "!", "")


def strip_diacritics(text: str, language: str, random: Random) -> str:
    """Write Czech without diacritics, as on a foreign keyboard."""
    return without_diacritics(text) if language == "cs" else text


def strip_foreign_diacritics(text: str, language: str, random: Random) -> str:
    """Write other languages in Latin letters without diacritics, so that lacking them is no sign of Czech."""
    return without_diacritics(text) if language == "other" else text


def without_diacritics(text: str) -> str:
    """Return a text with plain Latin letters; other scripts keep their marks, which are part of them."""
    decomposed = unicodedata.normalize("NFD", text.translate(_STROKES))
    return unicodedata.normalize("NFC", re.sub(r"([A-Za-z])[\u0300-\u036f]+", r"\1", decomposed))


def strip_some_diacritics(text: str, language: str, random: Random) -> str:
    """Write about half of the Czech words without diacritics."""
    if language != "cs":
        return text
    return " ".join(
        strip_diacritics(word, language, random) if random.random() < 0.5 else word
        for word in text.split(" ")
    )


def vary_arabic_spelling(text: str, language: str, random: Random) -> str:
    """Swap spellings that Arabic writers mix: alef with and without hamza, ة and ه, ى and ي at the end."""
    if language != "ar":
        return text
    for pattern, replacement in _ARABIC_SPELLINGS:
        if random.random() < 0.6:
            text = re.sub(pattern, replacement, text)
    return text


def slip_hebrew_finals(text: str, language: str, random: Random) -> str:
    """Write one final letter of Hebrew in its middle form, a common slip."""
    if language != "he":
        return text
    places = [match.start() for match in re.finditer("[םןץףך]", text)]
    if not places:
        return text
    place = random.choice(places)
    return text[:place] + text[place].translate(_HEBREW_FINALS) + text[place + 1 :]


def vary_trailing_punctuation(text: str, language: str, random: Random) -> str:
    """Replace full stops and exclamation marks at the end by others or by none."""
    stripped = text.rstrip(".! ")
    if not stripped or stripped[-1] in "?؟":
        return text
    return stripped + random.choice(_TRAILING)


def vary_case(text: str, language: str, random: Random) -> str:
    """Write everything in capitals or in small letters."""
    return text.upper() if random.random() < 0.5 else text.lower()


def vary_numbers(text: str, language: str, random: Random) -> str:
    """Replace the digits of every number of five or more digits (order numbers, phones)."""
    return re.sub(r"\d{5,}", lambda number: "".join(random.choice("0123456789") for _ in number[0]), text)


def greet(courtesies: Courtesies) -> Change:
    """Return the change that puts a greeting before the message."""

    def change(text: str, language: str, random: Random) -> str:
        greetings = courtesies.greetings.get(language)
        return f"{random.choice(greetings)} {text}" if greetings else text

    return change


def sign(courtesies: Courtesies) -> Change:
    """Return the change that puts thanks or a name after the message."""

    def change(text: str, language: str, random: Random) -> str:
        signatures = courtesies.signatures.get(language)
        return f"{text}\n{random.choice(signatures)}" if signatures else text

    return change


def typo(text: str, language: str, random: Random) -> str:
    """Make one keyboard slip in about every tenth word: a neighbour key, a swap, a loss, a repeat."""
    words = text.split(" ")
    candidates = [i for i, word in enumerate(words) if sum(map(str.isalpha, word)) >= 3]
    if not candidates:
        return text
    for i in random.sample(candidates, max(1, round(len(candidates) / 10))):
        words[i] = _slip(words[i], language, random)
    return " ".join(words)


def _slip(word: str, language: str, random: Random) -> str:
    places = [i for i, character in enumerate(word) if character.isalpha()]
    place = random.choice(places[1:])
    kind = random.randrange(4)
    if kind == 0:
        return word[:place] + _neighbour(word[place], language, random) + word[place + 1 :]
    if kind == 1:
        return word[: place - 1] + word[place] + word[place - 1] + word[place + 1 :]
    if kind == 2:
        return word[:place] + word[place + 1 :]
    return word[:place] + word[place] + word[place:]


def _neighbour(letter: str, language: str, random: Random) -> str:
    rows = _KEYBOARDS.get(language, _KEYBOARDS["en"])
    if letter.isascii():
        rows = _KEYBOARDS["en"]
    for row in rows:
        place = row.find(letter.lower())
        if place >= 0:
            near = row[max(0, place - 1) : place] + row[place + 1 : place + 2]
            return random.choice(near)
    return letter


def _sprinkle(marks: str, after: str) -> Change:
    def change(text: str, language: str, random: Random) -> str:
        return "".join(
            character + random.choice(marks)
            if re.match(after, character) and random.random() < 0.3
            else character
            for character in text
        )

    return change


def decompose(text: str, language: str, random: Random) -> str:
    """Write every character in its decomposed Unicode form (NFD)."""
    return unicodedata.normalize("NFD", text)


def write_in_own_letters(text: str, language: str, random: Random) -> str:
    """Write Hebrew or Arabic that is in Latin letters in its own, as it is read in service too.

    About a tenth of the words is not known, since the table knows the train split better than what customers
    write.
    """
    known = incomplete_transliteration(random.randrange(PARTS))
    return known.write(normalise(text), language) or text


INVISIBLE: Final[Mapping[str, Change]] = {
    "bidi_marks": _sprinkle("\u200e\u200f\u202a\u202b\u202c\u2066\u2067\u2069\u061c", "."),
    "zero_width": _sprinkle("\u200b\u200c\u200d\u2060\ufeff", "."),
    "niqqud": _sprinkle("\u05b0\u05b4\u05b6\u05b7\u05b8\u05b9\u05bc", "[א-ת]"),
    "tashkeel": _sprinkle("\u064b\u064c\u064e\u064f\u0650\u0651\u0652", "[ء-ي]"),
    "tatweel": _sprinkle("\u0640", "[بتثجحخسشصضطظعغفقكلمنهي]"),
    "unicode_composition": decompose,
}
"""Changes that ``escalate.text.normalise`` undoes completely."""

HARMLESS: Final[Mapping[str, Change]] = {
    "czech_without_diacritics": strip_diacritics,
    "arabic_spelling": vary_arabic_spelling,
    "hebrew_final_letters": slip_hebrew_finals,
    "letter_case": vary_case,
    "trailing_punctuation": vary_trailing_punctuation,
    "greeting": greet(HELD_OUT),
    "signature": sign(HELD_OUT),
    "order_numbers": vary_numbers,
}
"""Changes that should leave the decision as it is."""

TYPO: Final = "typo"

LATIN_LETTERS: Final = 0.15
"""Share of Hebrew and Arabic variants in Latin letters where a recipe does not say it."""

OWN_LETTERS: Final = 0.5
"""Share of texts in Latin letters that are learned written back where a recipe does not say it."""


def augment(
    text: str,
    language: str,
    random: Random,
    latin_letters: float = LATIN_LETTERS,
    own_letters: float = OWN_LETTERS,
) -> str:
    """Return a variant of ``text`` with a random selection of harmless changes.

    Args:
        text: A message.
        language: Its language class.
        random: Source of all chance.
        latin_letters: Chance (0..1) that Hebrew and Arabic are written in Latin letters.
        own_letters: Chance (0..1) that what is in Latin letters then is written back in its own.
    """
    for change, probability in _training_changes(latin_letters, own_letters):
        if random.random() < probability:
            text = change(text, language, random)
    return text


@cache
def _training_changes(latin_letters: float, own_letters: float) -> tuple[tuple[Change, float], ...]:
    return (
        (greet(LEARNED), 0.35),
        (sign(LEARNED), 0.35),
        (romanise, latin_letters),
        (strip_diacritics, 0.35),
        (strip_some_diacritics, 0.2),
        (strip_foreign_diacritics, 0.3),
        (vary_arabic_spelling, 0.6),
        (slip_hebrew_finals, 0.3),
        (typo, 0.35),
        (write_in_own_letters, own_letters),
    )
