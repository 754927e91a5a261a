from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from matplotlib.image import imread
from typer.testing import CliRunner

from tests.training.feedback.streams import decisions, small_talk, turn, write
from training.__main__ import app


class Reporter:
    """Runs the command on decisions and returns its output and its numbers."""

    def __init__(self, folder: Path, corpus: Path) -> None:
        self.folder = folder
        self.corpus = corpus

    def __call__(self, rows: list[dict[str, Any]], *options: str) -> tuple[str, dict[str, Any]]:
        path = write(self.folder / "verdicts.csv", rows)
        out = self.folder / "report"
        arguments = [str(path), "--corpus", str(self.corpus), "--report", str(out), *options]
        result = CliRunner().invoke(app, ["feedback", *arguments])
        assert result.exit_code == 0, result.output
        text = (out / "FEEDBACK.md").read_text(encoding="utf-8")
        assert "nan" not in re.findall(r"\w+", text)
        for figure in out.glob("*.png"):
            assert f"]({figure.name})" in text
            assert np.std(imread(figure)) > 0.01
        return result.output, json.loads((out / "feedback.json").read_text(encoding="utf-8"))


@pytest.fixture
def report(tmp_path: Path, tiny_corpus: Path) -> Reporter:
    return Reporter(tmp_path, tiny_corpus)


def due(numbers: dict[str, Any]) -> set[tuple[str, str]]:
    return {(f["language"], f["kind"]) for f in numbers["conclusion"]["findings"] if f["due"]}


def test_a_stable_stream_is_not_due(report: Reporter) -> None:
    output, numbers = report(decisions(1600))
    assert "Retraining is not due." in output
    assert due(numbers) == set()
    assert {f["language"] for f in numbers["conclusion"]["findings"]} >= {"all", "he", "ar", "cs", "en"}
    assert {path.name for path in (report.folder / "report").iterdir()} == {
        "FEEDBACK.md",
        "feedback.json",
        "agreement.png",
        "calibration.png",
        "reliability.png",
    }


def test_a_drop_in_one_language_is_due_and_names_it(report: Reporter) -> None:
    def drop(row: dict[str, Any], place: float, random: np.random.Generator) -> None:
        if row["language"] == "cs" and place > 0.75 and random.random() < 0.6:
            turn(row)

    output, numbers = report(decisions(1600, drop))
    assert "Retraining is due." in output
    assert {language for language, _ in due(numbers)} - {"all"} == {"cs"}
    assert re.search(r"! Czech, .*a clear and large drop", output)
    assert not re.search(r"! (Hebrew|Arabic|English)", output)


def test_probabilities_that_are_wrong_throughout_are_due_for_calibration_only(report: Reporter) -> None:
    def wrong(row: dict[str, Any], place: float, random: np.random.Generator) -> None:
        if row["should_escalate"] == "yes" and random.random() < 0.4:
            turn(row)

    _, numbers = report(decisions(1600, wrong))
    assert ("all", "calibration") in due(numbers)
    assert {kind for _, kind in due(numbers)} == {"calibration"}


def test_few_verdicts_are_too_few_to_tell(report: Reporter) -> None:
    output, numbers = report(decisions(40))
    assert "Too few verdicts to tell whether retraining is due (n=10 recent and 30 earlier" in output
    assert numbers["conclusion"]["findings"] == []


def test_verdicts_on_escalated_messages_only_leave_misses_unknown(report: Reporter) -> None:
    def escalated_only(row: dict[str, Any], place: float, random: np.random.Generator) -> None:
        if row["action"] == "continue":
            row["should_escalate"] = ""

    output, numbers = report(decisions(1600, escalated_only))
    assert "Missed escalations: no decision to leave a message to the bot was judged" in output
    assert numbers["actions"]["continue"]["judged"] == 0 < numbers["actions"]["continue"]["decisions"]
    assert numbers["parts"]["recent"]["all"]["missed"]["value"] is None
    assert numbers["conclusion"]["answer"] == "not due"


def test_judging_fewer_of_one_action_is_no_drop(report: Reporter) -> None:
    """Agreement on all decisions together falls here, only because other decisions are judged."""

    def fewer(row: dict[str, Any], place: float, random: np.random.Generator) -> None:
        if place > 0.75 and row["action"] == "continue" and random.random() < 0.8:
            row["should_escalate"] = ""

    _, numbers = report(decisions(2000, fewer))
    assert due(numbers) == set()


def test_without_times_nothing_is_compared_over_time(report: Reporter) -> None:
    output, numbers = report(decisions(400), "--time", "")
    assert "there are no times, or no earlier decisions" in output
    assert numbers["periods"] == []
    assert set(numbers["parts"]) == {"recent"}
    assert {f["kind"] for f in numbers["conclusion"]["findings"]} == {"calibration"}
    assert not (report.folder / "report" / "agreement.png").exists()


def test_new_messages_are_a_remark_and_no_reason(report: Reporter) -> None:
    def other_topic(row: dict[str, Any], place: float, random: np.random.Generator) -> None:
        if place > 0.75 and row["language"] == "en":
            row["text"] = small_talk("refund my gift card", random)

    output, numbers = report(decisions(1600, other_topic))
    assert "English messages of late differ from earlier ones" in output
    assert "Czech messages of late differ" not in output
    assert numbers["inputs"]["earlier decisions"]["told_apart"]["en"]["value"] > 0.95
    assert abs(numbers["inputs"]["earlier decisions"]["told_apart"]["cs"]["value"] - 0.5) < 0.15
    assert numbers["conclusion"]["answer"] == "not due"


def test_several_models_are_pointed_out(report: Reporter) -> None:
    def newer(row: dict[str, Any], place: float, random: np.random.Generator) -> None:
        row["model"] = "0.1.0" if place < 0.5 else "0.2.0"

    output, _ = report(decisions(200, newer))
    assert "of several models (0.1.0, 0.2.0)" in output


def test_months_and_own_limits_can_be_asked_for(report: Reporter) -> None:
    def small(row: dict[str, Any], place: float, random: np.random.Generator) -> None:
        if place > 0.5 and random.random() < 0.12:
            turn(row)

    rows = decisions(1600, small)
    options = ("--period", "month", "--recent-days", "56")
    _, numbers = report(rows, *options)
    assert [period["start"] for period in numbers["periods"]] == [
        f"2025-{month:02}-01" for month in range(1, 5)
    ]
    _, strict = report(rows, *options, "--drop", "0", "--error", "0")
    _, lenient = report(rows, *options, "--drop", "0.3", "--error", "0.3")
    assert due(lenient) == set() != due(strict)
    assert sum(part["all"]["decisions"] for part in numbers["parts"].values()) == 1600
    assert numbers["parts"]["recent"]["all"]["decisions"] == pytest.approx(800, abs=20)


def test_the_numbers_of_a_period_are_counts(report: Reporter) -> None:
    _, numbers = report(decisions(320))
    first = numbers["periods"][0]["languages"]["all"]
    assert numbers["periods"][0]["start"] == "2025-01-06"
    assert first["decisions"] == first["agreement"]["count"] == 20
    wrong = sum(
        first[name]["value"] * first[name]["count"] for name in ("missed", "needless") if first[name]["count"]
    )
    assert first["agreement"]["value"] == pytest.approx(1 - wrong / 20)
