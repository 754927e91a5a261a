"""How Hebrew and Arabic words are typed in Latin letters, and the way back.

The lists in ``lexicons/`` go by native usage and were written for this project.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final

from escalate.transliteration import Transliteration, consonants, sound

LEXICON_LANGUAGES: Final = ("he", "ar")
GERESH: Final = str.maketrans("׳״", "'\"")

_LEXICONS: Final = Path(__file__).with_name("lexicons")
_UNSEEN: Final = 0.5

PARTS: Final = 8
"""Into so many parts the transliteration is divided, of which training goes without one at a time."""

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


@dataclass(frozen=True)
class Lexicon:
    """How the words of a language are spelled in Latin letters.

    Attributes:
        language: "he" or "ar".
        spellings: By word its spellings, the commonest first.
        counts: By word how often the train split of the corpus had it when the list was made.
        seen: Words by other spellings that messages of the train split have: read, but not written.
    """

    language: str
    spellings: Mapping[str, tuple[str, ...]]
    counts: Mapping[str, int]
    seen: Mapping[str, str]

    def spell(self, word: str, rank: int) -> str | None:
        """Return a spelling of a word, or of the word behind its prefix; None where neither is known.

        Args:
            word: The word in its own letters.
            rank: 0 for the commonest spelling, 1 for the next; the last one where there are fewer.
        """
        for latin, rest in self._readings(word.translate(GERESH)):
            if choices := self.spellings.get(rest):
                return latin + choices[min(rank, len(choices) - 1)]
        return None

    def _readings(self, word: str) -> Iterator[tuple[str, str]]:
        """Yield what a word may be: a prefix in Latin letters, none at first, and the rest."""
        yield "", word
        yield "", word.rstrip("'")
        for prefix, latin in _PREFIXES[self.language].items():
            if word.startswith(prefix) and len(word) > len(prefix) + 1:
                yield latin, word.removeprefix(prefix)


@cache
def lexicon(language: str) -> Lexicon:
    """Return the lexicon of a language that is also typed in Latin letters ("he" or "ar")."""
    rows = _rows(f"{language}.tsv")
    return Lexicon(
        language,
        {word: tuple(spellings.split()) for word, _, spellings in rows},
        {word: int(count) for word, count, _ in rows},
        {row[0]: row[1] for row in _rows(f"{language}_seen.tsv")},
    )


def _rows(name: str) -> list[list[str]]:
    return [line.split("\t") for line in (_LEXICONS / name).read_text(encoding="utf-8").splitlines()]


@cache
def transliteration() -> Transliteration:
    """Return the way back, from Latin letters to the words of the lexicons.

    Of several words that sound alike the commonest one is taken; the second spelling of a word counts half,
    the third a third.
    """
    return Transliteration({language: _by_key(lexicon(language)) for language in LEXICON_LANGUAGES})


@cache
def incomplete_transliteration(part: int) -> Transliteration:
    """Return the transliteration without one of its eight parts.

    Args:
        part: Which part, from 0 to PARTS - 1.
    """
    return Transliteration(
        {
            language: {key: word for i, (key, word) in enumerate(words.items()) if i % PARTS != part}
            for language, words in transliteration().words.items()
        }
    )


def _by_key(words: Lexicon) -> dict[str, str]:
    sounds: dict[str, dict[str, float]] = {}
    without_vowels: dict[str, dict[str, float]] = {}
    for spelling, word, rank in _spellings(words):
        weight = (words.counts.get(word, 0) + _UNSEEN) / rank
        heard = sound(spelling, words.language)
        for found, key in ((sounds, heard), (without_vowels, consonants(heard, words.language))):
            candidates = found.setdefault(key, {})
            candidates[word] = candidates.get(word, 0.0) + weight
    # A key that is some word's sound is not another's consonants.
    found = {**without_vowels, **sounds}
    return {key: max(found[key], key=found[key].__getitem__) for key in sorted(found) if key}


def _spellings(words: Lexicon) -> Iterator[tuple[str, str, int]]:
    """Yield each spelling with its word and its rank among the spellings of that word."""
    for word, spellings in words.spellings.items():
        for rank, spelling in enumerate(spellings, start=1):
            yield spelling, word, rank
    for spelling, word in words.seen.items():
        yield spelling, word, 1
