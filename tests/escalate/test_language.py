from __future__ import annotations

import unicodedata

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from escalate import predict
from escalate.bundle import LANGUAGE_CLASSES
from escalate.language import read_language
from escalate.text import normalise

SCRIPTS = {"he": "HEBREW", "ar": "ARABIC"}
LATIN = st.text("abcčděéfghijklmnňořsšťůvyýzžäöüß", min_size=1)


def logits_for(*names: str) -> np.ndarray:
    """Return logits that rank these classes first, in this order."""
    ranks = {name: -float(rank) for rank, name in enumerate(names)}
    return np.array([ranks.get(name, -9.0) for name in LANGUAGE_CLASSES])


@pytest.mark.parametrize(
    ("text", "ranked", "language"),
    [
        ("מנהל", ("cs", "he", "other"), "he"),
        ("מנהל", ("cs", "other", "he"), "other"),
        ("موظف", ("he", "en", "ar"), "ar"),
        ("привет", ("en", "cs", "ar", "he"), "other"),
        ("מנהל בבקשה ok", ("en", "he"), "en"),
        ("toda raba", ("he", "en"), "he"),
        ("ana mesh fahem", ("ar", "en"), "ar"),
        ("žádost", ("he", "cs"), "he"),
    ],
)
def test_the_likeliest_language_that_the_letters_allow(
    text: str, ranked: tuple[str, ...], language: str
) -> None:
    assert read_language(logits_for(*ranked), normalise(text)) == language


@given(st.text(), st.permutations(LANGUAGE_CLASSES))
def test_a_language_has_a_letter_in_the_text(text: str, ranked: list[str]) -> None:
    normalised = normalise(text)
    language = read_language(logits_for(*ranked), normalised)
    scripts = {unicodedata.name(letter, "?").split()[0] for letter in normalised if letter.isalpha()}
    assert language == "other" or scripts & {"LATIN", SCRIPTS.get(language)}


@given(LATIN, st.permutations(LANGUAGE_CLASSES))
def test_latin_letters_exclude_nothing(text: str, ranked: list[str]) -> None:
    assert read_language(logits_for(*ranked), normalise(text)) == ranked[0]


@pytest.mark.parametrize(
    ("text", "languages"),
    [
        ("מנהל", ("he",)),
        ("די!!!", ("he", "other")),
        ("موظف.", ("ar",)),
        ("Где моя посылка?", ("other",)),
        ("ข้าวของฉันอยู่ที่ไหน", ("other",)),
        ("Πού είναι το δέμα μου;", ("other",)),
    ],
)
def test_the_released_model_heeds_the_letters(text: str, languages: tuple[str, ...]) -> None:
    assert predict(text).language in languages
