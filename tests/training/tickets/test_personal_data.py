from __future__ import annotations

import time
from itertools import groupby

import pytest
from hypothesis import given
from hypothesis import strategies as st

from training.tickets.personal_data import KINDS, count_personal_data

FOUND = [
    ("write to jana.novakova@example.cz please", "cs", "e-mail"),
    ("účet CZ65 0800 0000 1920 0014 5399 prosím", "cs", "IBAN"),
    ("my card is 4111 1111 1111 1111", "en", "card number"),
    ("card 5555-5555-5555-4444 was charged", "en", "card number"),
    ("תעודת זהות 039337423", "he", "Israeli identity number"),
    ("rodné číslo 710319/2745", "cs", "Czech birth number"),
    ("الرقم القومي ٢٩٠٠١٠١٠١٢٣٤٥٦", "ar", "Egyptian national id"),
    ("الهوية 1000000008", "ar", "Saudi national id"),
    ("رقم الهوية 784-1984-1234567-4", "ar", "Emirates id"),
    ("my ssn is 536-90-4399", "en", "US social security number"),
    ("كلموني على 0791234567", "ar", "phone number"),
    ("volejte 731 204 118", "cs", "phone number"),
    ("תתקשרו ל 052-3456789", "he", "phone number"),
    ("call +44 20 7946 0958", "en", "phone number"),
]

FEWEST_DIGITS = {
    "e-mail": 0,
    "IBAN": 2,
    "card number": 13,
    "Israeli identity number": 9,
    "Czech birth number": 9,
    "Egyptian national id": 14,
    "Saudi national id": 10,
    "Emirates id": 15,
    "US social security number": 9,
    "phone number": 5,
}
"""Digits that one of a kind has at least."""


@pytest.mark.parametrize(("text", "language", "kind"), FOUND)
def test_each_kind_is_counted_once(text: str, language: str, kind: str) -> None:
    assert count_personal_data(text, language) == {kind: 1}


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("my card is 4111 1111 1111 1112", "en"),
        ("תעודת זהות 123456789", "he"),
        ("rodné číslo 710319/2746", "cs"),
        ("الرقم ٢٩٠١٣٠١٠١٢٣٤٥٦", "ar"),
        ("účet CZ66 0800 0000 1920 0014 5399", "cs"),
        ("order 1111111111111111", "en"),
        ("at 10:30 on 2025-03-01, 3 pieces for 1,290.00", "en"),
        ("user@", "en"),
    ],
)
def test_other_numbers_are_not_counted(text: str, language: str) -> None:
    assert not count_personal_data(text, language)


def test_several_kinds_in_one_text_are_counted_apart() -> None:
    text = "a@example.com, b@example.com; 4111111111111111; call 650-253-0000"
    assert count_personal_data(text, "en") == {"e-mail": 2, "card number": 1, "phone number": 1}


@given(
    st.one_of(
        st.text(),
        st.text("0123456789٠١٢٣٤ -/+@.aCZčה", min_size=7),
        st.lists(st.sampled_from([text for text, _, _ in FOUND]), min_size=1, max_size=3).map(" ".join),
    ),
    st.sampled_from(["he", "ar", "cs", "en", "other", None]),
)
def test_of_any_text_nothing_is_counted_twice(text: str, language: str | None) -> None:
    counts = count_personal_data(text, language)
    assert set(counts) <= set(KINDS)
    digits = sum(map(str.isdigit, text))
    assert sum(FEWEST_DIGITS[kind] * count for kind, count in counts.items()) <= digits
    # An IBAN may end within digits; any other number has all digits that stand together.
    numbers = sum(counts.values()) - counts["e-mail"] - counts["IBAN"]
    runs = sum(are_digits for are_digits, _ in groupby(text, str.isdigit))
    assert numbers <= runs + counts["IBAN"]


@pytest.mark.parametrize("piece", ["1", "a", "a.", "1 ", "@", "GB82"])
def test_time_grows_with_the_text_only(piece: str) -> None:
    def seconds(length: int) -> float:
        start = time.process_time()
        count_personal_data(piece * length + "@ 1234567", "en")
        return time.process_time() - start

    assert seconds(16_000) < 40 * (seconds(2_000) + 0.01)
