from __future__ import annotations

import unicodedata
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from escalate.bundle import read_manifest
from escalate.text import NORMALISERS, has_words, normalise

Normaliser = Callable[[str], str]

INVISIBLE = (
    "\u200b\u200c\u200d\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2060\u2066\u2067\u2068\u2069\u061c\ufeff"
)
any_text = st.text(st.characters(), max_size=200)
"""Every code point, lone surrogates included."""
readable = st.text(alphabet="אבגדם ءأإآاةهىيوؤئ čřžšěů abcXYZ 0123?!.", max_size=60)
"""Too short for so many marks in a row that the second normaliser hides what is behind them."""


@pytest.fixture(scope="module", params=["newest", "released"])
def read(request: pytest.FixtureRequest, released: Path) -> Normaliser:
    """The newest normaliser, and the one that the released model reads with."""
    return normalise if request.param == "newest" else NORMALISERS[read_manifest(released)["normaliser"]]


@given(any_text)
def test_normalising_twice_changes_nothing(read: Normaliser, text: str) -> None:
    once = read(text)
    assert read(once) == once


@given(st.text("כמנצפךםןץף .!'\"-א"))
def test_normalising_hebrew_endings_twice_changes_nothing(read: Normaliser, text: str) -> None:
    once = read(text)
    assert read(once) == once


@given(st.lists(st.sampled_from(["a", "a.", "a!", "!", "ی", "ییی", "0001", "0002", "נ"]), max_size=12))
def test_normalising_repeated_words_twice_changes_nothing(read: Normaliser, words: list[str]) -> None:
    once = read(" ".join(words))
    assert read(once) == once


@given(any_text)
def test_the_result_can_be_encoded_and_is_trimmed(read: Normaliser, text: str) -> None:
    result = read(text)
    result.encode("utf-8")
    assert result == result.strip()
    assert "  " not in result
    assert not any(unicodedata.category(c) in ("Cc", "Cs") for c in result)


@given(readable, st.sampled_from(INVISIBLE), st.data())
def test_invisible_characters_change_nothing(
    read: Normaliser, text: str, mark: str, data: st.DataObject
) -> None:
    place = data.draw(st.integers(0, len(text)))
    assert read(text[:place] + mark + text[place:]) == read(text)


@given(readable, st.sampled_from("!?.,-*👍"), st.integers(60, 140), readable, st.sampled_from(INVISIBLE))
def test_invisible_characters_change_nothing_around_a_long_run(
    before: str, repeated: str, times: int, after: str, mark: str
) -> None:
    text = before + repeated * times + after
    assert normalise(text + mark) == normalise(text)
    assert normalise(text) == normalise(before + repeated * 3 + after)


@given(readable)
def test_composition_and_case_change_nothing(read: Normaliser, text: str) -> None:
    assert read(unicodedata.normalize("NFD", text)) == read(text)
    assert read(text.upper()) == read(text)


@given(st.text(alphabet="אבגדהוזחטיכלמנסעפצקרשת ", max_size=40), st.data())
def test_niqqud_changes_nothing(read: Normaliser, text: str, data: st.DataObject) -> None:
    marks = "\u05b0\u05b4\u05b5\u05b6\u05b7\u05b8\u05b9\u05bb\u05bc\u05c1\u05c2"
    vocalised = "".join(c + data.draw(st.sampled_from(marks)) if c != " " else c for c in text)
    assert read(vocalised) == read(text)


@given(st.text(alphabet="ابتثجحخدذرزسشصضطظعغفقكلمنهوي ", max_size=40), st.data())
def test_tashkeel_and_tatweel_change_nothing(read: Normaliser, text: str, data: st.DataObject) -> None:
    marks = "\u064b\u064c\u064d\u064e\u064f\u0650\u0651\u0652\u0640"
    vocalised = "".join(c + data.draw(st.sampled_from(marks)) if c != " " else c for c in text)
    assert read(vocalised) == read(text)


@given(readable, st.sampled_from([".", "..", "...", "!", "!!!", " .", "…"]))
def test_full_stops_at_the_end_change_nothing(read: Normaliser, text: str, ending: str) -> None:
    assert not has_words(text) or read(text + ending) == read(text)


@given(st.text(alphabet="אבגדהוזחטיכלמנסעפצקרשתךםןץ", min_size=2, max_size=12))
@example("צצצץ")
def test_a_slip_of_a_hebrew_final_letter_changes_nothing(read: Normaliser, word: str) -> None:
    slipped = word[:-1] + word[-1].translate(str.maketrans("ךםןץ", "כמנצ"))
    assert read(f"{slipped}, {slipped}") == read(f"{word}, {word}")


@pytest.mark.parametrize("marks", ["\u0301\u0323", "\u0f73", "\u0301\uff9e"])
def test_a_flood_of_combining_marks_takes_no_quadratic_time(marks: str) -> None:
    """Unicode normalisation alone would take hours."""
    assert len(normalise("a" + marks * 500_000)) < 10


@pytest.mark.parametrize("letter", list("اأإآؤئءةىيهčďěňřšťůžáéíóúýאםןץףך"))
def test_letters_with_meaning_stay(letter: str) -> None:
    assert normalise(letter) == letter
    assert normalise(unicodedata.normalize("NFD", letter)) == letter


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", ""),
        (" \t\n\x00 ", ""),
        ("HELLO", "hello"),
        ("Příliš ŽLUŤOUČKÝ", "příliš žluťoučký"),
        ("رقم ٤٥٦٧٨ و۹", "رقم 000 و9"),
        ("order 4711 from 2024", "order 000 from 000"),
        ("12 or 345", "12 or 345"),
        ("soooooo", "sooo"),
        ("a\u00a0b\u2003c\r\nd", "a b c d"),
        ("\ud800x", "\ufffdx"),
        ("ﬁne ＡＢＣ ①", "fine abc 1"),
        ("Thanks!", "thanks"),
        ("Where is it?!", "where is it?"),
        ("!!!", "!!!"),
        ("שלומ לכולמ", "שלום לכולם"),
        ("כתבתי בוואטסאפ", "כתבתי בוואטסאפ"),
        ("עמ' 3, מנכ\"ל", "עמ' 3, מנכ\"ל"),
        ("בכ-20 או ומ־10", "בכ-20 או ומ־10"),
        ("םםםמ", "םםם"),
        ("agent agent agent", "agent agent agent"),
        ("Agent AGENT agent\nagent agent!", "agent agent agent"),
        ("agent agents agent agents", "agent agents agent agents"),
        ("please help help help help me", "please help help help me"),
        ("فی سحب غریب من حسابی", "في سحب غريب من حسابي"),
        ("ابی اكلم موظف لو سمحتم، شكراً لکم", "ابي اكلم موظف لو سمحتم، شكرا لكم"),
        ("چه کار کنم", "چه کار کنم"),
    ],
)
def test_examples(text: str, expected: str) -> None:
    assert normalise(text) == expected


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", False),
        ("123 !?", False),
        ("👍🎉", False),
        ("https", True),
        ("א", True),
        ("ok 👍", True),
        ("ab-1234", False),
        ("cz6508000000192000145399", False),
        ("jan.novak@firma.cz", False),
        ("https://example.com/order www.example.com", False),
        ("ab-1234 nepřišlo", True),
        ("3ayez 7ad", True),
        ("b12", True),
    ],
)
def test_words(text: str, words: bool) -> None:
    assert has_words(text) is words


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", ""),
        ("HELLO!", "hello!"),
        ("רוצה לבטל את המנוי שלומ.", "רוצה לבטל את המנוי שלומ."),
        ("שָׁלוֹם\u200f לכולםםםםם", "שלום לכולםםם"),
        ("رقـــم ٤٥٦٧٨ و۹", "رقم 000 و9"),
        ("Příliš ŽLUŤOUČKÝ\u00a0kůň ...", "příliš žluťoučký kůň ..."),
        ("\ud800x ﬁne ＡＢＣ ①", "\ufffdx fine abc 1"),
    ],
)
def test_the_first_normaliser_still_reads_as_it_did(text: str, expected: str) -> None:
    assert NORMALISERS[1](text) == expected


def test_the_second_normaliser_still_reads_as_it_did() -> None:
    assert NORMALISERS[2]("באמת" + "!" * 70 + "?") == "באמת"
    assert normalise("באמת" + "!" * 70 + "?") == "באמת!!!?"
    assert NORMALISERS[2]("רוצה לבטל את המנוי שלומ.") == "רוצה לבטל את המנוי שלום"


def test_the_third_normaliser_still_reads_as_it_did() -> None:
    assert NORMALISERS[3]("Agent agent agent agent!") == "agent agent agent agent"
    assert NORMALISERS[3]("فی حسابی") == "فی حسابی"
    assert NORMALISERS[3]("רוצה לבטל את המנוי שלומ!!!!") == "רוצה לבטל את המנוי שלום"
