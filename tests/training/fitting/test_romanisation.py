from __future__ import annotations

import re
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from training.fitting.romanisation import lexicon, romanise

NATIVE = {"he": "[א-ת]", "ar": "[ء-ي]"}
EVERYDAY = {
    "he": "אני רוצה לדבר עם נציג, איפה החבילה שלי?",
    "ar": "وين الطلب؟ انا عايز موظف",
}


@pytest.mark.parametrize("language", NATIVE)
def test_everyday_messages_are_written_in_latin_letters_in_several_ways(language: str) -> None:
    written = {romanise(EVERYDAY[language], language, Random(seed)) for seed in range(20)}
    assert len(written) > 5
    for text in written:
        assert re.fullmatch("[A-Za-z0-9', ]+[?]?[A-Za-z0-9' ]*", text)
        assert len(text.split()) == len(EVERYDAY[language].split())


@pytest.mark.parametrize("language", ["cs", "en", "other"])
def test_other_languages_stay_as_they_are(language: str) -> None:
    for text in (*EVERYDAY.values(), "Kde je balík?"):
        assert romanise(text, language, Random(1)) == text


@pytest.mark.parametrize(
    ("language", "text"), [("he", "קצקצקץ גפגפגף"), ("ar", "ظغظغ ذثذث"), ("he", "eifo 4711?")]
)
def test_what_the_lexicon_does_not_know_stays_as_it_is(language: str, text: str) -> None:
    assert romanise(text, language, Random(1)) == text


def test_numbers_and_emoji_stay_tashkeel_goes_and_signs_are_those_of_a_latin_keyboard() -> None:
    written = romanise("وَيْن الطلب ٤٧١؟ 😡", "ar", Random(1))
    assert written.endswith(" 471? 😡")


@given(st.text(alphabet="אבגדהוזשלםןץ'\"׳ ءأبتةيكلمنو؟،٣abc123", max_size=60), st.sampled_from(["he", "ar"]))
def test_a_text_is_written_wholly_in_latin_letters_or_not_at_all(text: str, language: str) -> None:
    written = romanise(text, language, Random(7))
    assert written == text or not re.search(NATIVE[language], written)


@pytest.mark.parametrize("language", NATIVE)
def test_lexicons_hold_words_of_the_language_and_spellings_that_can_be_typed(language: str) -> None:
    words = lexicon(language).spellings
    assert len(words) > 5_000
    letters = NATIVE[language]
    for word, spellings in words.items():
        assert re.fullmatch(f"{letters}(?:['\"]?{letters})*", word)
        assert spellings
        assert all(re.fullmatch("[a-z0-9']+", spelling) for spelling in spellings)
        assert len(set(spellings)) == len(spellings)
