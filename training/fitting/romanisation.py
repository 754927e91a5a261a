"""Hebrew and Arabic in Latin letters, as people type them where they have no other keyboard.

Both are written without most vowels, so letters alone do not tell how a word is said: words are looked
up in the lexicons.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from random import Random
from typing import Final, NamedTuple

from escalate.text import normalise
from training.fitting.lexicon import GERESH, lexicon

_PUNCTUATION: Final = GERESH | str.maketrans("؟،؛־", "?,;-")

_WORDS: Final[Mapping[str, re.Pattern[str]]] = {
    "he": re.compile("[א-ת](?:['\"׳״]?[א-ת])*['׳]?"),
    "ar": re.compile("[ء-يپچڤگ]+"),
}
_LETTERS: Final[Mapping[str, str]] = {
    "א": "a", "ב": "b", "ג": "g", "ד": "d", "ה": "h", "ו": "o", "ז": "z", "ח": "ch", "ט": "t", "י": "i",
    "כ": "k", "ך": "ch", "ל": "l", "מ": "m", "ם": "m", "נ": "n", "ן": "n", "ס": "s", "ע": "a", "פ": "p",
    "ף": "f", "צ": "tz", "ץ": "tz", "ק": "k", "ר": "r", "ש": "sh", "ת": "t",
    "ء": "2", "آ": "a", "أ": "a", "ؤ": "o", "إ": "e", "ئ": "2", "ا": "a", "ب": "b", "ة": "a", "ت": "t",
    "ث": "th", "ج": "g", "ح": "7", "خ": "5", "د": "d", "ذ": "z", "ر": "r", "ز": "z", "س": "s", "ش": "sh",
    "ص": "s", "ض": "d", "ط": "t", "ظ": "z", "ع": "3", "غ": "gh", "ف": "f", "ق": "2", "ك": "k", "ل": "l",
    "م": "m", "ن": "n", "ه": "h", "و": "o", "ى": "a", "ي": "i",
    "پ": "p", "چ": "ch", "ڤ": "v", "گ": "g",
}  # fmt: skip
_FIRST_LETTERS: Final[Mapping[str, str]] = {"ו": "v", "י": "y", "و": "w", "ي": "y"}
_VOWELS: Final = "aaei"

_KNOWN_SHARE: Final = 0.8
_COMMONEST_SHARE: Final = 0.6
_HABIT_SHARE: Final = 0.3
_NO_DIGITS_SHARE: Final = 0.3


class _Habit(NamedTuple):
    """What some writers do: one of the replacements, in words that hold one of the letters."""

    letters: str
    replacements: Sequence[tuple[str, str]]


_EVERY: Final = ""
_HABITS: Final[Mapping[str, Sequence[_Habit]]] = {
    "he": (
        _Habit("חכך", (("ch", "h"), ("ch", "kh"))),
        _Habit("צץ", (("tz", "ts"), ("ts", "tz"))),
        _Habit(_EVERY, (("ei", "ey"), ("ay", "ai"))),
        _Habit(_EVERY, (("'", ""),)),
        _Habit(_EVERY, (("ee", "i"), ("oo", "u"))),
    ),
    "ar": (
        _Habit("ع", (("3", "a"), (r"\b3|3\b", ""))),
        _Habit("ح", (("7", "h"),)),
        _Habit("خ", (("5", "kh"), ("kh", "5"))),
        _Habit("ش", (("sh", "ch"),)),
        _Habit("ل", ((r"\bel", "al"), (r"\bal", "el"))),
        _Habit(_EVERY, (("2", ""),)),
        _Habit(_EVERY, (("ee", "i"), ("ou", "o"), ("oo", "o"))),
    ),
}
_WITHOUT_DIGITS: Final = tuple(
    _Habit(_EVERY, ((digit, letters),))
    for digit, letters in {"2": "", "3": "a", "5": "kh", "6": "t", "7": "h", "8": "gh", "9": "q"}.items()
)


def romanise(text: str, language: str, random: Random) -> str:
    """Write Hebrew or Arabic in Latin letters, in the habits of one writer.

    What is written is the text as the model reads it (``escalate.text.normalise``), without niqqud or
    tashkeel. A text stays as it is where the lexicon knows less than four in five of its words; elsewhere the
    words that it does not know are spelled letter by letter, with vowels by chance.
    """
    if language not in _WORDS:
        return text
    pattern, words = _WORDS[language], lexicon(language)
    plain = normalise(text)
    rank = 0 if random.random() < _COMMONEST_SHARE else random.randint(1, 2)
    spelled = {word: words.spell(word, rank) for word in pattern.findall(plain)}
    if sum(latin is not None for latin in spelled.values()) < _KNOWN_SHARE * max(1, len(spelled)):
        return text
    replacements = _replacements(language, random)

    def write(match: re.Match[str]) -> str:
        word = match[0]
        latin = spelled[word] or _by_letters(word, random)
        for letters, old, new in replacements:
            if not letters or not set(letters).isdisjoint(word):
                latin = re.sub(old, new, latin) or latin
        return latin

    return pattern.sub(write, plain).translate(_PUNCTUATION)


def _replacements(language: str, random: Random) -> list[tuple[str, str, str]]:
    """Return the letters, pattern and replacement of each habit of a writer."""
    if language == "ar" and random.random() < _NO_DIGITS_SHARE:
        habits: Sequence[_Habit] = _WITHOUT_DIGITS
    else:
        habits = [habit for habit in _HABITS[language] if random.random() < _HABIT_SHARE]
    return [(habit.letters, *random.choice(habit.replacements)) for habit in habits]


def _by_letters(word: str, random: Random) -> str:
    first = _FIRST_LETTERS.get(word[0])
    spelled = first or ""
    for letter in (_LETTERS.get(letter, "") for letter in (word[1:] if first else word)):
        if spelled and letter and spelled[-1] not in "aeiou" and letter[0] not in "aeiou":
            spelled += random.choice(_VOWELS)
        spelled += letter
    return spelled
