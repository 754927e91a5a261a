"""Hebrew and Arabic in Latin letters, as people type them where they have no other keyboard.

Both are written without most vowels, so letters alone do not tell how a word is said: words are looked
up in ``lexicons/``, lists of spellings by native usage that were written for this project.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from random import Random
from typing import Final

from escalate.text import normalise

_LEXICONS: Final = Path(__file__).with_name("lexicons")
_KNOWN_SHARE: Final = 0.8
_FIRST_SPELLING: Final = 0.6
_VOWELS: Final = "aaei"
_QUOTES: Final = str.maketrans("׳״", "'\"")
_PUNCTUATION: Final = str.maketrans("؟،؛־׳״", "?,;-'\"")

_WORDS: Final[Mapping[str, re.Pattern[str]]] = {
    "he": re.compile("[א-ת](?:['\"׳״]?[א-ת])*"),
    "ar": re.compile("[ء-ي]+"),
}
_PREFIXES: Final[Mapping[str, Mapping[str, str]]] = {
    "he": {
        "כשה": "ksheha", "וה": "veha", "שה": "sheha", "כש": "kshe", "וש": "veshe", "ול": "vele", "וב": "vebe",
        "ומ": "vemi", "מה": "meha", "ו": "ve", "ה": "ha", "ב": "be", "ל": "le", "מ": "mi", "ש": "she",
        "כ": "ke",
    },
    "ar": {
        "وال": "wel", "بال": "bel", "فال": "fel", "ولل": "wlel", "ال": "el", "لل": "lel", "و": "w",
        "ف": "fa", "ب": "b", "ل": "l", "ك": "ka",
    },
}  # fmt: skip
_LETTERS: Final[Mapping[str, str]] = {
    "א": "a", "ב": "b", "ג": "g", "ד": "d", "ה": "h", "ו": "o", "ז": "z", "ח": "ch", "ט": "t", "י": "i",
    "כ": "k", "ך": "k", "ל": "l", "מ": "m", "ם": "m", "נ": "n", "ן": "n", "ס": "s", "ע": "a", "פ": "p",
    "ף": "f", "צ": "tz", "ץ": "tz", "ק": "k", "ר": "r", "ש": "sh", "ת": "t",
    "ء": "2", "آ": "a", "أ": "a", "ؤ": "o", "إ": "e", "ئ": "2", "ا": "a", "ب": "b", "ة": "a", "ت": "t",
    "ث": "th", "ج": "g", "ح": "7", "خ": "5", "د": "d", "ذ": "z", "ر": "r", "ز": "z", "س": "s", "ش": "sh",
    "ص": "s", "ض": "d", "ط": "t", "ظ": "z", "ع": "3", "غ": "gh", "ف": "f", "ق": "2", "ك": "k", "ل": "l",
    "م": "m", "ن": "n", "ه": "h", "و": "o", "ى": "a", "ي": "i",
}  # fmt: skip
_HABITS: Final[Mapping[str, Sequence[tuple[str, str]]]] = {
    "he": (
        ("ch", "h"), ("ch", "kh"), ("tz", "ts"), ("ts", "tz"), ("ei", "ey"), ("ay", "ai"), ("'", ""),
        (r"ah\b", "a"), ("ee", "i"), ("oo", "u"),
    ),
    "ar": (
        ("7", "h"), ("3", "a"), (r"\b3|3\b", ""), ("2", ""), ("5", "kh"), ("kh", "5"), ("6", "t"), ("9", "s"),
        ("8", "gh"), (r"\bel", "al"), (r"\bal", "el"), ("ee", "i"), ("ou", "o"), ("oo", "o"), ("sh", "ch"),
    ),
}  # fmt: skip
_HABIT_SHARE: Final = 0.3
_NO_DIGITS_SHARE: Final = 0.3


@dataclass(frozen=True)
class Lexicon:
    """How the words of a language are spelled in Latin letters.

    Attributes:
        language: "he" or "ar".
        spellings: By word its spellings, the commonest first.
    """

    language: str
    spellings: Mapping[str, tuple[str, ...]]

    def spell(self, word: str, random: Random) -> str | None:
        """Return a spelling of a word, or of the word behind its prefix; None where neither is known."""
        word = word.translate(_QUOTES)
        if choices := self.spellings.get(word):
            return choices[0] if random.random() < _FIRST_SPELLING else random.choice(choices)
        for prefix, latin in _PREFIXES[self.language].items():
            rest = word.removeprefix(prefix)
            if rest != word and len(rest) > 1 and (choices := self.spellings.get(rest)):
                return latin + random.choice(choices)
        return None


@cache
def lexicon(language: str) -> Lexicon:
    """Return the lexicon of a language that is also typed in Latin letters ("he" or "ar")."""
    lines = (_LEXICONS / f"{language}.tsv").read_text(encoding="utf-8").splitlines()
    rows = (line.split("\t") for line in lines)
    return Lexicon(language, {word: tuple(spellings.split()) for word, spellings in rows})


def romanise(text: str, language: str, random: Random) -> str:
    """Write Hebrew or Arabic in Latin letters, in the habits of one writer.

    What is written is the text as the model reads it (``escalate.text.normalise``), without niqqud or
    tashkeel. A text of which the lexicon knows less than four words in five stays as it is: letter by
    letter nobody could read the others.
    """
    if language not in _WORDS:
        return text
    pattern, words = _WORDS[language], lexicon(language)
    plain = normalise(text)
    spelled = [words.spell(word, random) for word in pattern.findall(plain)]
    if not spelled or sum(word is not None for word in spelled) < _KNOWN_SHARE * len(spelled):
        return text
    habits = _habits(language, random)
    following = iter(spelled)

    def replace(match: re.Match[str]) -> str:
        latin = next(following) or _by_letters(match[0], random)
        for habit, replacement in habits:
            latin = re.sub(habit, replacement, latin) or latin
        return latin

    latin = pattern.sub(replace, plain).translate(_PUNCTUATION)
    return latin[:1].upper() + latin[1:] if random.random() < _HABIT_SHARE else latin


def _habits(language: str, random: Random) -> list[tuple[str, str]]:
    if random.random() < _NO_DIGITS_SHARE:
        return [(digit, letters) for digit, letters in _HABITS[language] if digit.isdigit()]
    return [habit for habit in _HABITS[language] if random.random() < _HABIT_SHARE]


def _by_letters(word: str, random: Random) -> str:
    """Spell a word that nothing is known of, with vowels by chance."""
    spelled = ""
    for letter in (_LETTERS.get(letter, "") for letter in word):
        if spelled and letter and spelled[-1] not in "aeiou" and letter[0] not in "aeiou":
            spelled += random.choice(_VOWELS)
        spelled += letter
    return spelled
