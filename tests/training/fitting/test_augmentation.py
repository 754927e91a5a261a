from __future__ import annotations

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from escalate.text import normalise
from training.fitting.augmentation import (
    HARMLESS,
    INVISIBLE,
    augment,
    slip_hebrew_finals,
    strip_diacritics,
    strip_foreign_diacritics,
    typo,
    vary_arabic_spelling,
    vary_numbers,
)

texts = st.text(alphabet="אבגםןף جحأإةىليم čřžšabcABC 0123456789.!?,", max_size=80)
languages = st.sampled_from(["he", "ar", "cs", "en", "other"])


@pytest.mark.parametrize("name", INVISIBLE)
@given(texts, languages, st.integers(0, 99))
def test_invisible_changes_are_undone_by_the_normaliser(
    name: str, text: str, language: str, seed: int
) -> None:
    assert normalise(INVISIBLE[name](text, language, Random(seed))) == normalise(text)


@given(texts, languages, st.integers(0, 99))
def test_every_change_takes_any_text_and_repeats_with_its_seed(text: str, language: str, seed: int) -> None:
    for change in (*HARMLESS.values(), typo, augment):
        assert change(text, language, Random(seed)) == change(text, language, Random(seed))


@given(st.lists(st.text("abcdefgh", min_size=3, max_size=8), min_size=1, max_size=30), st.integers(0, 99))
def test_typos_touch_about_every_tenth_word(words: list[str], seed: int) -> None:
    changed = typo(" ".join(words), "en", Random(seed)).split(" ")
    assert len(changed) == len(words)
    different = sum(a != b for a, b in zip(words, changed, strict=True))
    assert different <= max(1, round(len(words) / 10))


different_letters = st.lists(st.sampled_from("abcdefgh"), min_size=3, max_size=8, unique=True).map("".join)


@given(st.lists(different_letters, min_size=1, max_size=30), st.integers(0, 99))
def test_typos_touch_no_fewer_than_every_tenth_word(words: list[str], seed: int) -> None:
    """Of words of different letters, in which a swap of neighbours cannot go unseen."""
    changed = typo(" ".join(words), "en", Random(seed)).split(" ")
    different = sum(a != b for a, b in zip(words, changed, strict=True))
    assert different == max(1, round(len(words) / 10))


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("איפה החבילה שלי", "he"),
        ("أين طلبي الجديد", "ar"),
        ("Kdy otevíráte zítra", "cs"),
        ("My parcel", "en"),
    ],
)
def test_nearly_every_typo_changes_its_message(text: str, language: str) -> None:
    changed = [typo(text, language, Random(seed)) for seed in range(100)]
    assert sum(variant != text for variant in changed) >= 90
    assert len(set(changed)) >= 15


def test_training_makes_typos() -> None:
    variants = [augment("where is my parcel", "en", Random(seed)) for seed in range(200)]
    slipped = [variant for variant in variants if "where is my parcel" not in variant]
    assert 20 < len(slipped) < 80


def test_examples() -> None:
    random = Random(1)
    assert strip_diacritics("Příliš žluťoučký kůň", "cs", random) == "Prilis zlutoucky kun"
    assert strip_diacritics("שָׁלוֹם", "he", random) == "שָׁלוֹם"
    assert strip_foreign_diacritics("Ďakujem, môj balík", "other", random) == "Dakujem, moj balik"
    assert strip_foreign_diacritics("Łódź, proszę", "other", random) == "Lodz, prosze"
    assert strip_foreign_diacritics("мой, हिन्दी", "other", random) == "мой, हिन्दी"
    assert strip_foreign_diacritics("Příliš", "cs", random) == "Příliš"
    assert slip_hebrew_finals("שלום", "he", random) == "שלומ"
    varied = {vary_arabic_spelling("أريد الشقة", "ar", Random(seed)) for seed in range(30)}
    assert varied == {"أريد الشقة", "اريد الشقة", "أريد الشقه", "اريد الشقه"}
    number = vary_numbers("order 4711 of 88213", "en", random)
    assert number.startswith("order 4711 of ")
    assert number != "order 4711 of 88213"
