from __future__ import annotations

import re
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from escalate.text import normalise
from training.fitting.augmentation import augment
from training.fitting.lexicon import lexicon
from training.fitting.romanisation import romanise

NATIVE = {"he": "[א-ת]", "ar": "[ء-يپچڤگ]"}


def written(text: str, language: str) -> set[str]:
    """Return the ways in which two hundred writers write a text."""
    return {romanise(text, language, Random(seed)) for seed in range(200)}


@pytest.mark.parametrize(
    ("language", "text", "ways"),
    [
        ("he", "אני רוצה", {"ani rotse", "ani rotsa", "ani rotze", "ani rotza"}),
        ("he", "החבילה", {"hahavila", "hachavila", "hakhavila"}),
        # The same word is spelled in the same way, and either quotation mark makes an acronym.
        ("he", 'ק"ג או ק״ג', {"kg o kg", "kilo o kilo"}),
        ("he", "לפלאפון", {"lepelefon", "lepelephone"}),
        ("he", "ה-17 וה' אני", {"ha-17 vehey ani", "ha-17 vehe ani"}),
        ("ar", "وين طلبي", {"wen talabi", "wein talabi", "wein 6alabi"}),
        ("ar", "بالمحل", {"belma7al", "belmahal"}),
    ],
)
def test_words_are_written_as_their_writers_do(language: str, text: str, ways: set[str]) -> None:
    assert written(text, language) == ways


def test_a_habit_of_a_letter_leaves_other_words_alone() -> None:
    """Here ch for ח: "sandwich" has none, and stays."""
    both = written("סנדוויץ' אחרי", "he")
    assert {text.split()[1] for text in both} >= {"aharei", "achrei", "akhrei"}
    assert {text.split()[0] for text in both} == {"sandwich", "sendvich"}


def test_some_writers_of_arabic_use_no_digits() -> None:
    ways = written("محتاج أعرف الفرع", "ar")
    assert any(re.search("[0-9]", text) for text in ways)
    assert any(not re.search("[0-9]", text) for text in ways)


@pytest.mark.parametrize("language", ["cs", "en", "other"])
def test_other_languages_stay_as_they_are(language: str) -> None:
    for text in ("אני רוצה", "وين طلبي", "Kde je balík?"):
        assert romanise(text, language, Random(1)) == text


@pytest.mark.parametrize("text", ["קצקצקץ גפגפגף", "אני רוצה לדבר קצקצץ", "eifo 4711?", "", "!!!"])
def test_what_the_lexicon_hardly_knows_stays_as_it_is(text: str) -> None:
    assert written(text, "he") == {text}


def test_one_unknown_word_in_five_is_spelled_letter_by_letter() -> None:
    ways = {text.split()[-1] for text in written("אני רוצה לדבר איתך קצקצץ", "he")}
    assert len(ways) > 3
    for spelled in ways:
        assert re.fullmatch("k[aei](tz|ts)[aei]k[aei](tz|ts)[aei](tz|ts)", spelled)


def test_numbers_and_emoji_stay_tashkeel_goes_and_signs_are_those_of_a_latin_keyboard() -> None:
    for text in written("وَيْن طلبي ٤٧١؟ 😡", "ar"):
        assert re.fullmatch("we(i)?n (6|t)alabi 471[?] 😡", text)


@given(st.data(), st.sampled_from(["he", "ar"]), st.integers(0, 99))
def test_known_words_keep_their_places_and_are_wholly_in_latin_letters(
    data: st.DataObject, language: str, seed: int
) -> None:
    known = st.sampled_from(sorted(lexicon(language).spellings))
    signs = st.sampled_from(["", ",", "?", "!", " 12", " 😡"])
    parts = data.draw(st.lists(st.tuples(known, signs), min_size=1, max_size=12))
    text = " ".join(word + sign for word, sign in parts)
    latin = romanise(text, language, Random(seed))
    assert not re.search(NATIVE[language], latin)
    assert len(latin.split()) == len(normalise(text).split())


@given(st.text(alphabet="אבגדהוזשלםןץ'\"׳ ءأبتةيكلمنو؟،٣abc123", max_size=60), st.sampled_from(["he", "ar"]))
def test_a_text_is_written_wholly_in_latin_letters_or_not_at_all(text: str, language: str) -> None:
    latin = romanise(text, language, Random(7))
    assert latin == text or not re.search(NATIVE[language], latin)


@pytest.mark.parametrize("language", NATIVE)
def test_training_writes_some_variants_in_latin_letters(language: str) -> None:
    text = {"he": "אני רוצה לדבר", "ar": "وين طلبي"}[language]
    variants = [augment(text, language, Random(seed), own_letters=0) for seed in range(200)]
    latin = [variant for variant in variants if not re.search(NATIVE[language], variant)]
    assert 15 < len(latin) < 50
    never = [augment(text, language, Random(seed), latin_letters=0) for seed in range(50)]
    assert all(re.search(NATIVE[language], variant) for variant in never)


@pytest.mark.parametrize("language", NATIVE)
def test_lexicons_hold_words_of_the_language_and_spellings_that_can_be_typed(language: str) -> None:
    words = lexicon(language).spellings
    assert len(words) > 5_000
    assert list(words) == sorted(words)
    letters = NATIVE[language]
    for word, spellings in words.items():
        assert re.fullmatch(f"{letters}(?:['\"]?{letters})*'?", word)
        assert spellings
        assert len(set(spellings)) == len(spellings)
        for spelling in spellings:
            assert re.fullmatch("[a-z0-9']+", spelling)
            # A shorter one is a part of a spelling in two words.
            assert len(word) < 5 or 2 * len(spelling) >= len(word), word
