"""Hebrew and Arabic typed in Latin letters ("eifo hamishloah", "mish sha8al"), written in their own letters.

A multilingual encoder knows such words in their own letters; in Latin letters each spelling of each word is
another row of pieces without a meaning. Back-transliteration (K. Knight, J. Graehl, "Machine
Transliteration", 1998) is a table here: what people spell in many ways has one key by its sound, and another
by its consonants, for spellings that nobody has listed. What no key leads to is written letter by letter.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from escalate.letters import ARABIC, HEBREW, LATIN

LEAST_KNOWN: Final = 0.5
"""Share of the words of a text that must have a key, else the text is taken for something else."""

_LEAST_CONSONANTS: Final = 3

_OWN_LETTERS: Final[Mapping[str, re.Pattern[str]]] = {
    "he": re.compile(f"[{HEBREW}]"),
    "ar": re.compile(f"[{ARABIC}]"),
}
_WORD: Final = re.compile(f"[{LATIN}0-9'’`]*[{LATIN}][{LATIN}0-9'’`]*")
_REPEATED: Final = re.compile(r"(.)\1+")
_VOWELS: Final = re.compile("[aeiou]")

# Digits stand for letters that they resemble: 2 hamza (and the qaf of cities), 3 ayn, 5 kha, 6 ta, 7 ha,
# 8 qaf or ghayn, 9 sad or qaf; an apostrophe after one is the dot above the letter.
_SOUNDS: Final[Mapping[str, Mapping[str, str]]] = {
    "he": {
        "kh": "ch", "ch": "ch", "x": "ch", "tsch": "ch", "tz": "ts", "c": "ts", "w": "v", "ph": "f", "q": "k",
        "ou": "u", "oo": "u", "ee": "i", "ei": "e", "ey": "e", "ay": "ai", "y": "i",
        "'": "", "’": "", "`": "",
    },
    "ar": {
        "7'": "5", "5'": "5", "kh": "5", "x": "5", "3'": "gh", "6'": "z", "9'": "d", "ch": "sh", "th": "t",
        "dh": "d", "ck": "k", "c": "k", "ph": "f", "p": "b", "v": "f", "8": "2", "q": "2", "9": "s", "6": "t",
        "j": "g", "ou": "o", "oo": "o", "u": "o", "ee": "i", "ea": "i", "y": "i", "e": "i",
        "'": "", "’": "", "`": "",
    },
}  # fmt: skip
# What some writers leave out, or write as another consonant.
_CONSONANTS: Final[Mapping[str, Mapping[str, str]]] = {
    "he": {"ch": "h", "j": "g"},
    "ar": {"7": "h", "2": "", "3": "", "w": ""},
}
_LETTERS: Final[Mapping[str, Mapping[str, str]]] = {
    "he": {
        "sh": "ש", "ch": "ח", "kh": "ח", "tz": "צ", "ts": "צ", "b": "ב", "g": "ג",
        "d": "ד", "h": "ה", "v": "ו", "w": "ו", "z": "ז", "t": "ת", "y": "י", "k": "ק",
        "l": "ל", "m": "מ", "n": "נ", "s": "ס", "p": "פ", "f": "פ", "r": "ר", "j": "ג",
        "i": "י", "o": "ו", "u": "ו", "c": "ק", "q": "ק", "x": "ח", "a": "", "e": "",
        "'": "", "’": "", "`": "",
    },
    "ar": {
        "7'": "خ", "5'": "خ", "3'": "غ", "6'": "ظ", "9'": "ض", "sh": "ش", "ch": "ش",
        "kh": "خ", "gh": "غ", "th": "ث", "dh": "ذ", "ou": "و", "oo": "و", "ee": "ي",
        "2": "أ", "3": "ع", "5": "خ", "6": "ط", "7": "ح", "8": "غ", "9": "ص", "b": "ب",
        "t": "ت", "g": "ج", "j": "ج", "d": "د", "r": "ر", "z": "ز", "s": "س", "f": "ف",
        "q": "ق", "k": "ك", "c": "ك", "l": "ل", "m": "م", "n": "ن", "h": "ه", "w": "و",
        "y": "ي", "v": "ف", "p": "ب", "x": "كس", "i": "ي", "o": "و", "u": "و", "a": "ا",
        "e": "", "'": "", "’": "", "`": "",
    },
}  # fmt: skip
_HEBREW_FINALS: Final = {"כ": "ך", "מ": "ם", "נ": "ן", "צ": "ץ"}


class _Replacement:
    """Replaces strings, the longest that fits first, in one pass."""

    def __init__(self, replacements: Mapping[str, str]) -> None:
        longest_first = sorted(replacements, key=len, reverse=True)
        self._pattern = re.compile("|".join(map(re.escape, longest_first)))
        self._replacements = replacements

    def __call__(self, text: str) -> str:
        return self._pattern.sub(lambda match: self._replacements[match[0]], text)


_to_sounds: Final = {language: _Replacement(sounds) for language, sounds in _SOUNDS.items()}
_to_consonants: Final = {language: _Replacement(consonants) for language, consonants in _CONSONANTS.items()}
_to_letters: Final = {language: _Replacement(letters) for language, letters in _LETTERS.items()}


def sound(word: str, language: str) -> str:
    """Return what the spellings of one sound have in common; doubled letters count once.

    Args:
        word: A word in Latin letters, in lower case.
        language: "he" or "ar".
    """
    return _REPEATED.sub(r"\1", _to_sounds[language](word))


def consonants(word: str, language: str) -> str:
    """Return what spellings with other vowels have in common too, empty where that is too little.

    Args:
        word: A word in Latin letters, in lower case.
        language: "he" or "ar".
    """
    heard = _to_consonants[language](sound(word, language))
    # A Hebrew word may end in a or ah, which its writing tells from none.
    ending = "a" if language == "he" and heard.endswith(("a", "ah")) else ""
    heard = heard.removesuffix("h")
    beginning = "a" if _VOWELS.match(heard) else ""
    key = _REPEATED.sub(r"\1", beginning + _VOWELS.sub("", heard)) + ending
    return key if len(key) >= _LEAST_CONSONANTS else ""


@dataclass(frozen=True)
class Transliteration:
    """Words in their own letters, by how they sound.

    Attributes:
        words: By language ("he", "ar") and by key, which is a ``sound`` or the ``consonants`` of a
            spelling. A language that it lacks is never written in its own letters.
    """

    words: Mapping[str, Mapping[str, str]]

    def write(self, text: str, language: str) -> str | None:
        """Return a text in the letters of its language.

        Args:
            text: A message as the normaliser of the bundle returns it.
            language: Language that it was read as.

        Returns:
            The text; None where it has such letters already, where the language has no others than Latin
            ones, and where fewer of its words are known than LEAST_KNOWN.
        """
        if not (words := self.words.get(language)) or _OWN_LETTERS[language].search(text):
            return None
        found = {word: _find(word, language, words) for word in _WORD.findall(text)}
        if sum(map(bool, found.values())) < LEAST_KNOWN * max(1, len(found)):
            return None
        return _WORD.sub(lambda match: found[match[0]] or _by_letters(match[0], language), text)

    def to_bytes(self) -> bytes:
        """Return the table as tab-separated text: language, key, word."""
        lines = (
            f"{language}\t{key}\t{word}\n"
            for language, words in self.words.items()
            for key, word in words.items()
        )
        return "".join(lines).encode("utf-8")

    @classmethod
    def from_bytes(cls, data: bytes) -> Transliteration:
        """Read what ``to_bytes`` returned.

        Raises:
            ValueError: The data are something else.
        """
        words: dict[str, dict[str, str]] = {language: {} for language in _OWN_LETTERS}
        for line in data.decode("utf-8").splitlines():
            language, key, word = line.split("\t")
            words[language][key] = word
        return cls(words)


def _find(word: str, language: str, words: Mapping[str, str]) -> str | None:
    return words.get(sound(word, language)) or words.get(consonants(word, language))


def _by_letters(word: str, language: str) -> str:
    written = _to_letters[language](word)
    if language == "he" and written:
        written = written[:-1] + _HEBREW_FINALS.get(written[-1], written[-1])
    return written
