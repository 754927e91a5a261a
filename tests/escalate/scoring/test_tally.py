from __future__ import annotations

import json

import pyarrow as pa

from escalate import Classifier
from escalate.policy import OUTPUTS
from escalate.scoring.answers import Answerer, answer_schema
from escalate.scoring.tally import BadRow, Tally, count_actions, months_of


def test_months_are_those_of_iso_times() -> None:
    times = [
        "2024-05-01",
        " 2023-12",
        "2024-05-01T10:00:00Z",
        "2024-13-01",
        "2024-123",
        "1.5.2024",
        "",
        None,
        5,
    ]
    assert months_of(times) == ["2024-05", "2023-12", "2024-05", *["unknown"] * 6]


def test_counts_are_those_of_the_answers_and_survive_json(classifier: Classifier) -> None:
    texts = ["Where is my parcel?", "Chci mluvit s člověkem", None, "I want a human now", "где посылка"]
    added = Answerer(classifier, prefix="x_").answer(pa.array(texts))
    months = ["2024-01", "2024-01", "2024-02", "2024-02", "2024-02"]
    first, second = Tally(), Tally()
    first.count(added.slice(0, 2), "x_", months[:2])
    second.count(added.slice(2), "x_", months[2:])
    second.note([BadRow("a.csv", 3, None, "missing_text")])
    tally = Tally.from_dict(json.loads(json.dumps(first.to_dict())))
    tally.add(Tally.from_dict(json.loads(json.dumps(second.to_dict()))))
    assert tally.rows == 5
    assert tally.statuses == {"ok": 4, "missing_text": 1}
    answers = [classifier.predict(text) for text in texts if text is not None]
    english = count_actions(tally, language="en")
    escalated = sum(answer.action == "escalate" for answer in answers if answer.language == "en")
    assert english.rows == 2
    assert english.escalation_rate == escalated / 2
    assert count_actions(tally, month="2024-01").rows == 2
    assert count_actions(tally, month="2025-01").escalation_rate is None
    assert sum(tally.scores.values()) == len(OUTPUTS) * len(answers)


def test_scores_are_counted_in_twenty_bins() -> None:
    rows = [
        {"complexity": 0.0, "negative_sentiment": 0.5, "human_requested": 1.0},
        {"complexity": 0.04, "negative_sentiment": 0.51, "human_requested": 0.97},
        {"complexity": 0.06, "negative_sentiment": 0.49, "human_requested": 0.94},
    ]
    answers = [{**row, "language": "cs", "action": "continue", "status": "ok"} for row in rows]
    tally = Tally()
    tally.count(pa.RecordBatch.from_pylist(answers, schema=answer_schema()), "", [""] * 3)
    assert tally.scores == {
        ("cs", "complexity", 0): 2,
        ("cs", "complexity", 1): 1,
        ("cs", "negative_sentiment", 9): 1,
        ("cs", "negative_sentiment", 10): 2,
        ("cs", "human_requested", 18): 1,
        ("cs", "human_requested", 19): 2,
    }
    assert Tally.from_dict(json.loads(json.dumps(tally.to_dict()))) == tally


def test_only_the_first_bad_rows_are_kept() -> None:
    tally = Tally()
    tally.note(BadRow("a.csv", row, None, "missing_text") for row in range(100))
    assert [bad.row for bad in tally.bad_rows] == [0, 1, 2, 3, 4]
    assert str(BadRow("a.csv", 7, "x1", "wrong_type")) == "a.csv, row 7 (id x1): wrong_type"
