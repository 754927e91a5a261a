from __future__ import annotations

import csv
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

from escalate import Classifier, score_file
from escalate.policy import OUTPUTS
from escalate.scoring.answers import WITHOUT_ANSWER
from tests.training.feedback.streams import decisions, write
from training.__main__ import app
from training.errors import TicketsError
from training.feedback.verdicts import DecisionColumns, read_verdicts
from training.tickets.columns import Columns

Edit = Callable[[list[dict[str, Any]]], None]


def test_scores_of_the_file_are_taken(tmp_path: Path) -> None:
    rows = decisions(12)
    rows[3]["needed_a_person"] = ""
    rows[4]["complexity"] = ""
    path = write(tmp_path / "v.csv", rows)
    verdicts = read_verdicts(path, Columns(), DecisionColumns(), None)
    assert verdicts.rescored is None
    assert verdicts.models == ("0.1.0",)
    np.testing.assert_allclose(verdicts.probabilities[0], [rows[0][output] for output in OUTPUTS])
    assert np.isnan(verdicts.needed).tolist() == [i == 3 for i in range(12)]
    assert np.isnan(verdicts.expected).tolist() == [i == 4 for i in range(12)]
    assert verdicts.handed.tolist() == [row["action"] != "continue" for row in rows]


def test_other_columns_and_words(tmp_path: Path) -> None:
    rows = decisions(8)
    renamed = [
        {
            "body": row["text"],
            "done": str(row["action"]).upper(),
            "agent": {"yes": "כן", "no": "לא"}[row["needed_a_person"]],
            "lang": row["language"],
            **{f"bot_{output}": row[output] for output in OUTPUTS},
        }
        for row in rows
    ]
    path = write(tmp_path / "v.csv", renamed)
    columns = Columns(text="body", language="lang")
    verdicts = read_verdicts(path, columns, DecisionColumns("done", "agent", "bot_"), None)
    assert verdicts.actions.tolist() == [row["action"] for row in rows]
    assert verdicts.needed.tolist() == [row["needed_a_person"] == "yes" for row in rows]
    assert verdicts.times is None
    assert not np.isnan(verdicts.probabilities).any()


def test_the_language_that_came_with_the_scores_counts(tmp_path: Path) -> None:
    kept = ("text", "action", "needed_a_person")
    rows = [
        {**{name: row[name] for name in kept}, **{f"bot_{output}": row[output] for output in OUTPUTS}}
        for row in decisions(8)
    ]
    path = write(tmp_path / "v.csv", [{**row, "bot_language": "cs"} for row in rows])
    verdicts = read_verdicts(path, Columns(), DecisionColumns(scores="bot_"), None)
    assert {message.language for message in verdicts.messages} == {"cs"}
    assert not np.isnan(verdicts.probabilities).any()


def test_without_scores_the_model_is_asked(tmp_path: Path, tiny_bundle: Path) -> None:
    kept = ("id", "text", "action", "needed_a_person", "language")
    rows = [{name: row[name] for name in kept} for row in decisions(6)]
    path = write(tmp_path / "v.csv", rows)
    verdicts = read_verdicts(path, Columns(), DecisionColumns(), tiny_bundle)
    classifier = Classifier.load(tiny_bundle)
    assert verdicts.rescored == "tiny"
    for row, probabilities, message in zip(rows, verdicts.probabilities, verdicts.messages, strict=True):
        prediction = classifier.predict(row["text"])
        assert message.language == prediction.language
        if prediction.supported:
            assert probabilities[0] == pytest.approx(prediction.complexity)
        else:
            assert np.isnan(probabilities).all()


def test_a_part_keeps_rows_together(tmp_path: Path) -> None:
    verdicts = read_verdicts(write(tmp_path / "v.csv", decisions(12)), Columns(), DecisionColumns(), None)
    part = verdicts.part(verdicts.languages == "cs")
    assert [message.id for message in part.messages] == ["d-2", "d-6", "d-10"]
    np.testing.assert_array_equal(part.expected, verdicts.expected[[2, 6, 10]])
    assert verdicts.times is not None
    assert part.times == [verdicts.times[place] for place in (2, 6, 10)]


@pytest.mark.parametrize("prefix", ["", "bot_"])
@pytest.mark.parametrize("kind", ["csv", "jsonl"])
def test_rows_that_could_not_be_scored_are_left_out_and_counted(
    tmp_path: Path, tiny_bundle: Path, tiny_corpus: Path, prefix: str, kind: str
) -> None:
    lines = ["id,text"] + [f"d-{n},where is my parcel {n}" for n in range(30)]
    lines[5:5] = ["d-30,", 'no end of "this" line', "d-31,\udcff"]
    (tmp_path / "in.csv").write_bytes("\n".join(lines).encode("utf-8", "surrogateescape") + b"\n")
    scored = tmp_path / "scored.csv"
    score_file(tmp_path / "in.csv", scored, text_column="text", model=tiny_bundle, prefix=prefix)
    with scored.open(encoding="utf-8", newline="") as file:
        rows = [
            {**row, "needed_a_person": "yes" if n % 2 else "no"} for n, row in enumerate(csv.DictReader(file))
        ]
    assert {row[f"{prefix}status"] for row in rows} == {"ok", *WITHOUT_ANSWER} - {"wrong_type"}
    path = tmp_path / f"v.{kind}"
    if kind == "csv":
        write(path, rows)
    else:
        given = [{name: value or None for name, value in row.items()} for row in rows]
        path.write_text("".join(json.dumps(row) + "\n" for row in given), encoding="utf-8")
    verdicts = read_verdicts(path, Columns(), DecisionColumns(f"{prefix}action", scores=prefix), None)
    assert [message.id for message in verdicts.messages] == [f"d-{n}" for n in range(30)]
    assert (verdicts.without_answer, verdicts.without_text) == (3, 0)
    result = CliRunner().invoke(
        app,
        [
            "feedback",
            str(path),
            "--scores",
            prefix,
            "--action",
            f"{prefix}action",
            "--corpus",
            str(tiny_corpus),
        ],
    )
    assert result.exit_code == 0, result.output
    output = " ".join(result.output.split())
    assert "Left out, because `escalate score` had no answer: 3 rows; their status says why." in output


def test_a_status_of_the_ticket_leaves_no_decision_out(tmp_path: Path) -> None:
    rows = [{**row, "status": ("closed", "open", "")[n % 3]} for n, row in enumerate(decisions(12))]
    rows[4]["text"] = ""
    verdicts = read_verdicts(write(tmp_path / "v.csv", rows), Columns(), DecisionColumns(), None)
    assert len(verdicts.messages) == 11
    assert (verdicts.without_answer, verdicts.without_text) == (0, 1)


def test_a_file_without_any_answer_is_one_sentence(tmp_path: Path) -> None:
    rows = [{**row, "status": "broken_encoding"} for row in decisions(3)]
    with pytest.raises(TicketsError, match=r"answered no row \(column 'status'\); score it again"):
        read_verdicts(write(tmp_path / "v.csv", rows), Columns(), DecisionColumns(), None)


def _set(name: str, value: str) -> Edit:
    def edit(rows: list[dict[str, Any]]) -> None:
        rows[5][name] = value

    return edit


def _drop(name: str) -> Edit:
    def edit(rows: list[dict[str, Any]]) -> None:
        for row in rows:
            del row[name]

    return edit


def _empty(name: str) -> Edit:
    def edit(rows: list[dict[str, Any]]) -> None:
        for row in rows:
            row[name] = ""

    return edit


BROKEN = [
    (_set("action", "closed"), r"row 7, column 'action' is 'closed': it must be continue, offer, escalate"),
    (_set("needed_a_person", "maybe"), r"row 7, column 'needed_a_person' is 'maybe': it must be yes or no"),
    (_set("complexity", "1.5"), r"row 7, column 'complexity' is '1.5': it must be a probability"),
    (_set("human_requested", "high"), r"row 7, column 'human_requested' is 'high': it must be a probability"),
    (_set("time", ""), r"row 7 has no time"),
    (_set("id", "d-0"), r"row 7.*row 2 has it too"),
    (_drop("action"), r"no column 'action' for --action; the columns are: id, text"),
    (_drop("needed_a_person"), r"no column 'needed_a_person' for --verdict"),
    (_drop("text"), r"no column 'text' for --text"),
]


@pytest.mark.parametrize(("edit", "message"), BROKEN)
def test_broken_files_are_one_sentence(edit: Edit, message: str, tmp_path: Path) -> None:
    rows = decisions(12)
    edit(rows)
    with pytest.raises(TicketsError, match=message) as caught:
        read_verdicts(write(tmp_path / "v.csv", rows), Columns(), DecisionColumns(), None)
    assert "\n" not in str(caught.value)


def test_a_file_without_any_verdict_ends_the_command(tmp_path: Path, tiny_corpus: Path) -> None:
    rows = decisions(12)
    _empty("needed_a_person")(rows)
    path = write(tmp_path / "v.csv", rows)
    arguments = [str(path), "--corpus", str(tiny_corpus), "--report", str(tmp_path / "report")]
    result = CliRunner().invoke(app, ["feedback", *arguments])
    assert result.exit_code == 1
    assert "has no row with a verdict" in " ".join(result.output.split())
    assert not (tmp_path / "report").exists()


def test_a_missing_file_ends_the_command(tmp_path: Path) -> None:
    result = CliRunner().invoke(app, ["feedback", str(tmp_path / "v.csv")])
    assert result.exit_code == 1


def test_an_unknown_period_is_refused(tmp_path: Path) -> None:
    result = CliRunner().invoke(app, ["feedback", str(tmp_path / "v.csv"), "--period", "year"])
    assert result.exit_code == 2
