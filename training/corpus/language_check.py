"""Whether messages are in the language their column says: by script and by a language library."""

from __future__ import annotations

import unicodedata
from collections import Counter
from collections.abc import Sequence
from functools import cache
from typing import TYPE_CHECKING, Final

from escalate.policy import LANGUAGES
from escalate.text import normalise
from training.corpus.messages import Message
from training.corpus.statistics import words

if TYPE_CHECKING:
    from py3langid.langid import LanguageIdentifier

LONG_ENOUGH: Final = 8
"""Texts of fewer words are not asked of the library: names and single words belong to many languages."""

_SCRIPTS: Final = {"he": "HEBREW", "ar": "ARABIC"}
_LATIN_STYLES: Final = {"he": "latin-hebrew", "ar": "arabizi"}
_FOREIGN: Final = ("ARABIC", "CYRILLIC", "HEBREW")
# The four languages, their neighbours and what Europeans and Israelis write besides. Among all that the
# library knows, pairs such as Arabic and Egyptian Arabic would count as disagreements.
_ASKED: Final = (
    *LANGUAGES,
    *("az", "de", "es", "fa", "fr", "hu", "it", "ku", "pl", "ps", "pt", "ro", "ru", "sk", "tr", "uk", "ur"),
)


def wrong_script(message: Message) -> str | None:
    """Return why the script of a message contradicts its language, or None where it does not."""
    letters = _letters(message.text)
    total = letters.total()
    expected = _SCRIPTS.get(message.language)
    if expected is not None:
        if letters[expected] or in_latin_letters(message):
            return None
        return f"has no {expected.title()} letter and is not mostly in Latin letters"
    if message.language in LANGUAGES:
        foreign = sum(letters[script] for script in _FOREIGN)
        if foreign * 2 > total:
            return f"is mostly in {max(_FOREIGN, key=lambda script: letters[script]).title()} letters"
    return None


def in_latin_letters(message: Message) -> bool:
    """Tell whether a Hebrew or Arabic message is written in Latin letters (Arabizi and the like)."""
    if message.language not in _SCRIPTS:
        return False
    if _LATIN_STYLES[message.language] in (message.style or ""):
        return True
    letters = _letters(message.text)
    return letters["LATIN"] * 2 > letters.total()


def agreement(messages: Sequence[Message]) -> tuple[int, float | None]:
    """Ask a language library about the longer messages of one language.

    Args:
        messages: Messages of one language. A message of ``other`` agrees when the library answers
            none of the four languages.

    Returns:
        The number of messages asked about and the share where the library agrees.
    """
    asked = [m for m in messages if words(m.text) >= LONG_ENOUGH and not in_latin_letters(m)]
    if not asked:
        return 0, None
    library = _library()
    right = 0
    for message in asked:
        answer, _ = library.classify(message.text)
        right += (answer if answer in LANGUAGES else "other") == message.language
    return len(asked), right / len(asked)


@cache
def _library() -> LanguageIdentifier:
    from py3langid.langid import MODEL_FILE, LanguageIdentifier

    library = LanguageIdentifier.from_model_file(MODEL_FILE)
    library.set_languages(_ASKED)
    return library


def _letters(text: str) -> Counter[str]:
    """Count the letters of a text by script."""
    return Counter(_script(character) for character in normalise(text) if character.isalpha())


@cache
def _script(letter: str) -> str:
    return unicodedata.name(letter, "UNKNOWN").split()[0]
