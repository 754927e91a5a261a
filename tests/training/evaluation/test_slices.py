from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tests.training.making import make_answers, make_message
from training.evaluation.slices import (
    DIMENSIONS,
    MINIMUM_MESSAGES,
    MINIMUM_PER_LABEL,
    kind,
    length,
    measure_slices,
    script,
    slices,
)


@pytest.mark.parametrize(
    ("words", "expected"),
    [(7, "under 8 words"), (8, "8 to 35 words"), (35, "8 to 35 words"), (36, "over 35 words")],
)
def test_length(words: int, expected: str) -> None:
    assert length(make_message(0, text=" ".join(["word"] * words))) == expected


@pytest.mark.parametrize(
    ("language", "text", "expected"),
    [
        ("he", "איפה החבילה שלי", "native"),
        ("he", "eifo hahavila sheli", "Latin letters"),
        ("ar", "أين الطلب", "native"),
        ("ar", "fen el order bta3y", "Latin letters"),
        ("cs", "kde je můj balík", "native"),
        ("cs", "kde je muj balik", "no diacritics"),
        ("en", "where is my parcel", None),
        ("other", "où est mon colis", None),
    ],
)
def test_script(language: str, text: str, expected: str | None) -> None:
    assert script(make_message(0, language=language, text=text)) == expected


def test_kind_of_channel() -> None:
    channels = [kind(make_message(0, channel=channel)) for channel in ("review", "chat", None)]
    assert channels == ["public", "ticket", None]


def names(fields: list[dict[str, Any]]) -> dict[tuple[str, str], int]:
    messages = [make_message(i, **own) for i, own in enumerate(fields)]
    return {(part.dimension, part.value): len(part.rows) for part in slices(messages, DIMENSIONS)}


def test_small_styles_are_joined_and_what_is_unknown_is_left_out() -> None:
    styles = ["plain"] * 30 + ["irish"] * 19 + ["caps"] * 2 + [None] * 5
    assert names([{"style": style} for style in styles]) == {
        ("all", "all"): 56,
        ("style", "plain"): 30,
        ("style", "rest"): 21,
    }


def test_small_lengths_are_not_joined() -> None:
    texts = ["a few words"] * 30 + ["word " * 40] * 3
    assert names([{"text": text} for text in texts])["length", "over 35 words"] == 3


def test_a_dimension_in_which_all_are_alike_is_left_out() -> None:
    assert names([{"style": "plain", "channel": "chat"}] * 30) == {("all", "all"): 30}


def test_numbers_of_slices() -> None:
    messages = [make_message(i, style="plain" if i < 40 else "irish") for i in range(80)]
    answers = make_answers(messages)
    answers.probabilities[:40, 0] = 0.9
    cells = measure_slices(answers)["en"]
    assert cells["style"]["plain"]["complexity"]["accuracy"]["value"] == 0.5
    assert cells["style"]["irish"]["complexity"]["macro_f1"] == {"value": 1.0, "low": 1.0, "high": 1.0}
    assert cells["all"]["all"]["complexity"]["accuracy"]["value"] == 0.75
    assert cells["all"]["all"]["groups"] == 10
    assert set(cells["all"]["all"]["language"]) == {"accuracy"}


def test_too_few_messages_have_no_number() -> None:
    cell = measure_slices(make_answers([make_message(i) for i in range(MINIMUM_MESSAGES - 1)]))
    assert cell["en"]["all"]["all"]["complexity"] == {"macro_f1": None, "accuracy": None}


def test_too_few_of_one_label_have_no_macro_f1() -> None:
    messages = [make_message(i, complexity=int(i < MINIMUM_PER_LABEL - 1)) for i in range(60)]
    cell = measure_slices(make_answers(messages))["en"]["all"]["all"]
    assert cell["complexity"]["macro_f1"] is None
    assert cell["complexity"]["accuracy"]["value"] == 1


def test_other_languages_have_the_recall_of_their_recognition() -> None:
    messages = [
        make_message(i, language="other", complexity=None, negative_sentiment=None, human_requested=None)
        for i in range(40)
    ]
    answers = make_answers(messages, np.full((40, 3), 0.5), ["other"] * 30 + ["ar"] * 10)
    cell = measure_slices(answers)["other"]["all"]["all"]
    assert cell["language"]["accuracy"]["value"] == 0.75
    assert cell["complexity"] == {"macro_f1": None, "accuracy": None}
