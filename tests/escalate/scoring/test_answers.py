from __future__ import annotations

from collections.abc import Iterable, Iterator
from threading import Event

import pyarrow as pa
import pytest

from escalate import Classifier, Prediction
from escalate.scoring.answers import ANSWER_COLUMNS, Answerer, answer_schema, read_texts
from escalate.text import normalise

BROKEN = pa.StringArray.from_buffers(1, pa.py_buffer(b"\0\0\0\0\2\0\0\0"), pa.py_buffer(b"\xff\xfe"))


class Counting:
    """A classifier that notes what it is asked."""

    def __init__(self, classifier: Classifier) -> None:
        self.version = classifier.version
        self.normalise = classifier.normalise
        self.asked: list[str] = []
        self._classifier = classifier

    def predict_many(self, texts: Iterable[str], workers: int, stopped: Event) -> Iterator[Prediction]:
        texts = list(texts)
        self.asked += texts
        return self._classifier.predict_many(texts, workers, stopped)


def test_the_columns_and_their_types() -> None:
    assert ANSWER_COLUMNS == (
        "complexity",
        "negative_sentiment",
        "human_requested",
        "language",
        "action",
        "reasons",
        "model",
        "status",
    )
    schema = answer_schema("x_")
    assert schema.names == [f"x_{name}" for name in ANSWER_COLUMNS]
    assert schema.field("x_complexity").type == pa.float64()
    assert schema.field("x_reasons").type == pa.list_(pa.string())


def test_answers_equal_predict_and_bad_rows_have_none(classifier: Classifier) -> None:
    texts = ["Where is my parcel?", None, "", "تعبت منكم، أريد موظفا", "12:30 !!", "wo ist mein Paket"]
    answers = Answerer(classifier).answer(pa.array(texts)).to_pylist()
    assert [row["status"] for row in answers] == ["ok", "missing_text", "missing_text", "ok", "ok", "ok"]
    for text, row in zip(texts, answers, strict=True):
        if row["status"] == "ok":
            expected = classifier.predict(str(text)).to_dict()
            assert row == {name: expected.get(name, "ok") for name in ANSWER_COLUMNS}
        else:
            assert row["model"] == classifier.version
            assert all(row[name] is None for name in ANSWER_COLUMNS[:-2])


@pytest.mark.parametrize(
    ("column", "texts", "statuses"),
    [
        (pa.array(["a", None], pa.large_string()), ["a", None], ["ok", "missing_text"]),
        (pa.array(["a", None, "a"]).dictionary_encode(), ["a", None, "a"], ["ok", "missing_text", "ok"]),
        (pa.array([b"\xff", b"ok"]), [None, "ok"], ["broken_encoding", "ok"]),
        (BROKEN, [None], ["broken_encoding"]),
        (pa.array([1, None]), [None, None], ["wrong_type", "missing_text"]),
        (pa.array([["a"], None]), [None, None], ["wrong_type", "missing_text"]),
        (pa.nulls(1), [None], ["missing_text"]),
        (pa.chunked_array([["a"], ["b"]]), ["a", "b"], ["ok", "ok"]),
        (pa.chunked_array([], pa.string()), [], []),
    ],
    ids=str,
)
def test_columns_of_any_type_give_a_status_a_row(
    column: pa.Array, texts: list[str], statuses: list[str]
) -> None:
    assert read_texts(column) == (texts, statuses)


def test_equal_texts_are_scored_once(classifier: Classifier) -> None:
    counting = Counting(classifier)
    answerer = Answerer(counting)  # type: ignore[arg-type]
    first = answerer.answer(pa.array(["Hello there", "HELLO   there", "hello\u200b there", "Bye now"]))
    assert counting.asked == ["hello there", "bye now"]
    again = answerer.answer(pa.array(["bye now", "Hello there"]))
    assert counting.asked == ["hello there", "bye now"]
    assert first.slice(3, 1).to_pylist() == again.slice(0, 1).to_pylist()


def test_what_is_remembered_is_bounded(classifier: Classifier, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("escalate.scoring.answers._REMEMBERED", 3)
    counting = Counting(classifier)
    answerer = Answerer(counting)  # type: ignore[arg-type]
    texts = ["1 a", "2 b", "3 c", "4 d", "5 e"]
    assert answerer.answer(pa.array(texts)).num_rows == 5
    answerer.answer(pa.array(["5 e", "3 c", "4 d"]))  # the last three are remembered
    assert counting.asked == texts
    answerer.answer(pa.array(["1 a"]))
    assert counting.asked == [*texts, normalise("1 a")]


def test_workers_change_no_answer(classifier: Classifier) -> None:
    column = pa.array([f"message number {i} is late" for i in range(150)])
    assert Answerer(classifier, workers=1).answer(column) == Answerer(classifier, workers=3).answer(column)
