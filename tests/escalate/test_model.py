"""How one message is read: once, or as typed and in its own letters."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from escalate.bundle import LANGUAGE_CLASSES, load_bundle
from escalate.model import MAX_WINDOWS, Model, Row
from escalate.tokens import Ids, WindowTokenizer
from escalate.transliteration import Transliteration, sound

LATIN = "eifo hamishloach"
TABLE = Transliteration(
    {"he": {sound(latin, "he"): word for latin, word in zip(LATIN.split(), ("איפה", "המשלוח"), strict=True)}}
)


class Session:
    """Stands for ONNX Runtime: the first run says Hebrew, the others Arabic, with ever higher logits."""

    def __init__(self) -> None:
        self.runs = 0

    def get_outputs(self) -> list[SimpleNamespace]:
        return [SimpleNamespace(name="outputs"), SimpleNamespace(name="language")]

    def run(self, names: list[str], inputs: dict[str, Ids]) -> tuple[Row, Row]:
        language = "ar" if self.runs else "he"
        self.runs += 1
        logits = np.array([[float(name == language) for name in LANGUAGE_CLASSES]], dtype=np.float32)
        return np.full((1, 3), self.runs, dtype=np.float32), logits


@pytest.fixture
def session() -> Session:
    return Session()


@pytest.fixture
def model(session: Session, released: Path) -> Model:
    bundle = load_bundle(released)
    return Model(session, WindowTokenizer(bundle.tokenizer, bundle.window, bundle.overlap), TABLE)


def test_the_language_is_that_of_the_message_as_typed_and_the_outputs_are_means(
    model: Model, session: Session
) -> None:
    reading = model.read(LATIN)
    assert session.runs == 2
    assert reading.language == "he"
    assert reading.language_logits.tolist() == [1, 0, 0, 0, 0]
    assert reading.output_logits.tolist() == [1.5, 1.5, 1.5]
    assert not reading.truncated


def test_a_message_in_its_own_letters_is_read_once(model: Model, session: Session) -> None:
    assert model.read("איפה המשלוח").output_logits.tolist() == [1, 1, 1]
    assert session.runs == 1


def test_what_is_too_long_is_read_once_and_the_highest_window_counts(model: Model, session: Session) -> None:
    reading = model.read(f"{LATIN} " * 2000)
    assert reading.truncated
    assert session.runs == MAX_WINDOWS
    assert reading.output_logits.tolist() == [MAX_WINDOWS] * 3
