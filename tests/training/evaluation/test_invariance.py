from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import cast

import pytest

from escalate import Classifier
from escalate.policy import Action
from escalate.prediction import Prediction
from tests.training.making import make_message
from training.corpus.messages import Message, read_split
from training.evaluation.invariance import invariance
from training.fitting.augmentation import INVISIBLE


@pytest.fixture(scope="module")
def messages(tiny_corpus: Path) -> list[Message]:
    return read_split(tiny_corpus, "test")[::4]


class CapitalsEscalate:
    """Escalates what is written in capitals only."""

    def predict_many(self, texts: Iterable[str], workers: int = 1) -> Iterator[Prediction]:
        for text in texts:
            action: Action = "escalate" if text.isupper() else "continue"
            yield Prediction(0, 0, 0, "en", True, False, action, (), "test")


def test_invisible_changes_flip_nothing(tiny_bundle: Path, messages: list[Message]) -> None:
    result = invariance(Classifier.load(tiny_bundle), messages)
    assert result.keys() == {"he", "ar", "cs", "en", "other"}
    for own in result.values():
        assert {own[name]["flipped"] for name in INVISIBLE if name in own} == {0}


def test_only_altered_messages_count(tiny_bundle: Path, messages: list[Message]) -> None:
    result = invariance(Classifier.load(tiny_bundle), messages)
    hebrew = sum(message.language == "he" for message in messages)
    finals = sum(any(letter in message.text for letter in "םןץףך") for message in messages)
    assert 0 < finals < hebrew
    assert result["he"]["hebrew_final_letters"]["messages"] == finals
    assert result["he"]["greeting"]["messages"] == hebrew
    assert "tashkeel" not in result["he"]
    assert "letter_case" not in result["ar"]
    assert "czech_without_diacritics" not in result["en"]


def test_flips_are_counted() -> None:
    messages = [make_message(i, text=f"where is parcel {chr(97 + i)}") for i in range(26)]
    result = invariance(cast(Classifier, CapitalsEscalate()), messages)["en"]
    case = result["letter_case"]
    assert case["messages"] < 26
    assert case["flipped"] == 1
    assert result["signature"] == {"messages": 26, "flipped": 0}


def test_the_seed_decides_and_other_messages_do_not() -> None:
    classifier = cast(Classifier, CapitalsEscalate())
    messages = [make_message(i, text="Where is my Parcel", id=f"m-{i}") for i in range(40)]

    def flipped(messages: list[Message], seed: int) -> float:
        own = invariance(classifier, messages, seed)["en"]["letter_case"]
        return own["flipped"] * own["messages"]

    assert flipped(messages, 1) == flipped(messages[::-1], 1)
    assert flipped(messages, 1) == flipped(messages[:20], 1) + flipped(messages[20:], 1)
    assert len({flipped(messages, seed) for seed in range(5)}) > 1
