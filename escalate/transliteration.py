"""Hebrew and Arabic typed in Latin letters ("eifo hamishloah", "mish sha8al"), written in their own letters.

A multilingual encoder knows such words in their own letters; in Latin letters each spelling of each word is
another row of pieces without a meaning. Back-transliteration (K. Knight, J. Graehl, "Machine
Transliteration", 1998) is a table here: what people spell in many ways has one key by its sound, and another
by its consonants, for spellings that nobody has listed. What no key leads to is written letter by letter.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from escalate.letters import ARABIC, HEBREW, LATIN

_LEAST_KNOWN: Final = 0.5
_LEAST_CONSONANTS: Final = 3

_OWN_LETTERS: Final[Mapping[str, re.Pattern[str]]] = {
    "he": re.compile(f"[{HEBREW}]"),
    "ar": re.compile(f"[{ARABIC}]"),
}
_ADDRESS: Final = re.compile(r"@|://|^www\.")
_CHARACTERS: Final = f"[{LATIN}0-9']"
# Digits inside a word are letters, several at its beginning or end a number ("250le", "iphone13").
_WORD: Final = re.compile(f"(?<!{_CHARACTERS})([0-9]{{2,}})?({_CHARACTERS}*?)([0-9]{{2,}})?(?!{_CHARACTERS})")
_LETTER: Final = re.compile(f"[{LATIN}]")
_APOSTROPHES: Final = str.maketrans("’`", "''")
_ACCENTS: Final = re.compile("[\u0300-\u036f]")
_REPEATED: Final = re.compile(r"(.)\1+")
_VOWELS: Final = re.compile("[aeiou]")

# Digits stand for letters that they resemble: 2 hamza (and the qaf of cities), 3 ayn, 5 kha, 6 ta, 7 ha,
# 8 qaf or ghayn, 9 sad or qaf; an apostrophe after one is the dot above the letter.
_SOUNDS: Final[Mapping[str, Mapping[str, str]]] = {
    "he": {
        "kh": "ch", "ch": "ch", "x": "ch", "tz": "ts", "c": "ts", "w": "v", "ph": "f", "q": "k",
        "ou": "u", "oo": "u", "ee": "i", "ei": "e", "ey": "e", "ay": "ai", "y": "i",
        "'": "",
    },
    "ar": {
        "7'": "5", "5'": "5", "kh": "5", "x": "5", "3'": "gh", "6'": "z", "9'": "d", "ch": "sh", "th": "t",
        "dh": "d", "ck": "k", "c": "k", "ph": "f", "p": "b", "v": "f", "8": "2", "q": "2", "9": "s", "6": "t",
        "j": "g", "ou": "o", "oo": "o", "u": "o", "ee": "i", "ea": "i", "y": "i", "e": "i",
        "'": "",
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
        "'": "",
    },
    "ar": {
        "7'": "خ", "5'": "خ", "3'": "غ", "6'": "ظ", "9'": "ض", "sh": "ش", "ch": "ش",
        "kh": "خ", "gh": "غ", "th": "ث", "dh": "ذ", "ou": "و", "oo": "و", "ee": "ي",
        "2": "أ", "3": "ع", "5": "خ", "6": "ط", "7": "ح", "8": "غ", "9": "ص", "b": "ب",
        "t": "ت", "g": "ج", "j": "ج", "d": "د", "r": "ر", "z": "ز", "s": "س", "f": "ف",
        "q": "ق", "k": "ك", "c": "ك", "l": "ل", "m": "م", "n": "ن", "h": "ه", "w": "و",
        "y": "ي", "v": "ف", "p": "ب", "x": "كس", "i": "ي", "o": "و", "u": "و", "a": "ا",
        "e": "", "'": "",
    },
}  # fmt: skip
_HEBREW_FINALS: Final = {"מ": "ם", "נ": "ן", "צ": "ץ"}


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
    """Return what the spellings of one sound have in common; the same letter twice in a row counts once.

    Args:
        word: A word in Latin letters, in lower case, without accents.
        language: "he" or "ar".
    """
    return _REPEATED.sub(r"\1", _to_sounds[language](word))


def consonants(heard: str, language: str) -> str:
    """Return what spellings with other vowels have in common too, empty with fewer than three consonants.

    Args:
        heard: The ``sound`` of a word.
        language: "he" or "ar".
    """
    heard = _to_consonants[language](heard)
    beginning = "a" if _VOWELS.match(heard) else ""
    # A Hebrew word may end in a or ah, which its writing tells from none.
    ending = "a" if language == "he" and heard.endswith(("a", "ah")) else ""
    middle = _REPEATED.sub(r"\1", _VOWELS.sub("", heard.removesuffix("h")))
    return beginning + middle + ending if len(middle) >= _LEAST_CONSONANTS else ""


@dataclass(frozen=True)
class Transliteration:
    """Words in their own letters, by how they sound.

    Attributes:
        words: By language ("he", "ar") and by key, which is the ``sound`` or the ``consonants`` of a
            spelling. A language that it lacks is never written in its own letters.
    """

    words: Mapping[str, Mapping[str, str]]

    def write(self, text: str, language: str) -> str | None:
        """Return a text in the letters of its language; addresses and numbers stay as they are.

        Args:
            text: A message as the normaliser of the bundle returns it.
            language: Language that it was read as.

        Returns:
            The text; None where it is not mostly in Latin letters, where the language has no others, and
            where fewer than half of its words in Latin letters are known: then it is something else.
        """
        if not (words := self.words.get(language)) or not _mostly_latin(text, language):
            return None
        known: list[bool] = []

        def write_word(match: re.Match[str]) -> str:
            before, word, after = match.groups(default="")
            if not _LETTER.search(word):
                return match[0]
            found = _find(word, language, words)
            known.append(found is not None)
            return f"{before}{found or _by_letters(word, language)}{after}"

        parts = [
            part if _ADDRESS.search(part) else _WORD.sub(write_word, _without_accents(part))
            for part in text.translate(_APOSTROPHES).split(" ")
        ]
        return " ".join(filter(None, parts)) if known and sum(known) >= _LEAST_KNOWN * len(known) else None

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
        words: dict[str, dict[str, str]] = {}
        once: dict[str, str] = {}  # Most words have several keys.
        for line in data.decode("utf-8").splitlines():
            language, key, word = line.split("\t")
            words.setdefault(language, {})[key] = once.setdefault(word, word)
        if unknown := words.keys() - _OWN_LETTERS.keys():
            raise ValueError(f"a transliteration has no language {sorted(unknown)}")
        return cls(words)


def _mostly_latin(text: str, language: str) -> bool:
    return len(_LETTER.findall(text)) > len(_OWN_LETTERS[language].findall(text))


def _without_accents(text: str) -> str:
    return text if text.isascii() else _ACCENTS.sub("", unicodedata.normalize("NFD", text))


def _find(word: str, language: str, words: Mapping[str, str]) -> str | None:
    heard = sound(word, language)
    return words.get(heard) or words.get(consonants(heard, language))


def _by_letters(word: str, language: str) -> str:
    written = _LETTER.sub("", _to_letters[language](word))
    if language == "he" and written:
        written = written[:-1] + _HEBREW_FINALS.get(written[-1], written[-1])
    return written
