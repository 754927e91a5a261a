from __future__ import annotations

import re
from random import Random

import pytest

from escalate.text import normalise
from escalate.transliteration import Transliteration, sound
from training.fitting.augmentation import augment, write_in_own_letters
from training.fitting.lexicon import (
    LEXICON_LANGUAGES,
    PARTS,
    incomplete_transliteration,
    lexicon,
    transliteration,
)

NATIVE = {"he": "[א-ת]", "ar": "[ء-يپچڤگ]"}


@pytest.mark.parametrize("language", LEXICON_LANGUAGES)
def test_every_spelling_leads_to_a_word_that_sounds_like_it(language: str) -> None:
    words, keys = lexicon(language), transliteration().words[language]
    sounds: dict[str, set[str]] = {}
    for word, spellings in words.spellings.items():
        for spelling in spellings:
            sounds.setdefault(sound(spelling, language), set()).add(word)
    for spelling, word in words.seen.items():
        sounds.setdefault(sound(spelling, language), set()).add(word)
    for heard, candidates in sounds.items():
        assert not heard or keys[heard] in candidates


@pytest.mark.parametrize(
    ("language", "spelling", "written"),
    [
        ("he", "hshbon", "חשבון"),
        ("he", "shlchtm", "שלחתם"),
        ("ar", "yklmni", "يكلمني"),
        ("ar", "mmkn", "ممكن"),
    ],
)
def test_spellings_without_vowels_lead_to_a_word_too(language: str, spelling: str, written: str) -> None:
    assert transliteration().write(spelling, language) == written


@pytest.mark.parametrize(
    ("language", "text", "written"),
    [
        ("he", "lo oved li haatar, tachziru li et hakesef", "לא עובד לי האתר, תחזירו לי את הכסף"),
        ("he", "ani rotza ledaber im natzig", "אני רוצה לדבר עם נציג"),
        ("ar", "3ayez arga3 felosi", "عايز ارجع فلوسي"),
        ("ar", "ween talabi", "وين طلبي"),
    ],
)
def test_of_words_that_sound_alike_the_commonest_is_taken(language: str, text: str, written: str) -> None:
    assert transliteration().write(text, language) == written


@pytest.mark.parametrize("language", LEXICON_LANGUAGES)
def test_spellings_that_were_seen_are_typed_in_latin_letters_and_are_words_of_the_language(
    language: str,
) -> None:
    words = lexicon(language)
    assert len(words.seen) > 4_000
    assert list(words.seen) == sorted(words.seen)
    for spelling, word in words.seen.items():
        assert re.fullmatch("[a-z0-9']*[a-z][a-z0-9']*", spelling)
        assert spelling not in words.spellings.get(word, ())
        assert normalise(word) == word
        assert re.search(NATIVE[language], word)
        assert not re.search("[a-z0-9]", word)


def test_the_table_survives_its_file() -> None:
    assert Transliteration.from_bytes(transliteration().to_bytes()) == transliteration()


def test_the_parts_that_are_left_out_are_all_of_the_table() -> None:
    whole = transliteration().words
    for language in LEXICON_LANGUAGES:
        parts = [incomplete_transliteration(part).words[language] for part in range(PARTS)]
        left_out = [set(whole[language].items()) - set(part.items()) for part in parts]
        assert set().union(*left_out) == set(whole[language].items())
        assert sum(map(len, left_out)) == len(whole[language])
        assert max(map(len, left_out)) - min(map(len, left_out)) <= 1


def test_training_does_not_know_every_word() -> None:
    text = "ani rotsa ledaber im natzig al hahazmana sheli ki lo higia klum ve ima kvar koeset"
    written = {write_in_own_letters(text, "he", Random(seed)) for seed in range(100)}
    assert transliteration().write(text, "he") in written
    assert len(written) > 3


@pytest.mark.parametrize(
    ("language", "text"), [("he", "ani rotsa ledaber im natzig"), ("ar", "3ayez arga3 felosi mn el 7esab")]
)
def test_training_learns_half_of_the_latin_texts_as_they_are_written_back(language: str, text: str) -> None:
    back = write_in_own_letters(text, language, Random(1))
    assert not re.search("[a-z]", back)
    variants = [augment(text, language, Random(seed)) for seed in range(200)]
    own = sum(bool(re.search(NATIVE[language], variant)) for variant in variants)
    never = [augment(text, language, Random(seed), own_letters=0) for seed in range(200)]
    greeted = sum(bool(re.search(NATIVE[language], variant)) for variant in never)
    # A greeting in own letters leaves the text as it is.
    assert greeted + 30 < own < 200 - 20


@pytest.mark.parametrize(
    ("language", "text"), [("cs", "kde je balik"), ("he", "איפה המשלוח"), ("ar", "وين طلبي")]
)
def test_other_texts_are_not_written_back(language: str, text: str) -> None:
    assert write_in_own_letters(text, language, Random(1)) == text
