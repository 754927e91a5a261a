from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from matplotlib.image import imread
from typer.testing import CliRunner

from escalate.policy import OUTPUTS
from tests.training.feedback.streams import decisions, small_talk, turn, verdicts_of, write
from training.__main__ import app
from training.evaluation.calibration import calibration_error
from training.feedback.agreement import SIDES, agreement, by_action, measure_agreement
from training.feedback.calibration import calibrated_part
from training.feedback.drift import EARLIER, RECENT, parts_of
from training.feedback.rule import CALIBRATION, Conclusion, Rule, conclude
from training.feedback.shares import difference
from training.feedback.verdicts import DecisionColumns, Verdicts, read_verdicts
from training.tickets.columns import Columns


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


@pytest.fixture(scope="module")
def stable(tmp_path_factory: pytest.TempPathFactory, tiny_corpus: Path) -> tuple[str, dict[str, Any], Path]:
    """Output, numbers and folder of a report on a stream in which nothing changes."""
    folder = tmp_path_factory.mktemp("stable")
    return *Reporter(folder, tiny_corpus)(decisions(1600)), folder / "report"


class Judge:
    """Applies the rule to decisions, without the report."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def parts(self, rows: list[dict[str, Any]], rule: Rule) -> dict[str, Verdicts]:
        path = write(self.folder / "verdicts.csv", rows)
        return parts_of(read_verdicts(path, Columns(), DecisionColumns(), None), rule)

    def __call__(self, rows: list[dict[str, Any]], rule: Rule | None = None) -> Conclusion:
        rule = rule or Rule()
        parts = self.parts(rows, rule)
        return conclude(parts[RECENT], parts.get(EARLIER), rule)


@pytest.fixture
def judge(tmp_path: Path) -> Judge:
    return Judge(tmp_path)


def due(conclusion: dict[str, Any]) -> set[tuple[str, str]]:
    return {(f["language"], f["kind"]) for f in conclusion["findings"] if f["due"]}


def test_a_stable_stream_is_not_due(stable: tuple[str, dict[str, Any], Path]) -> None:
    output, numbers, folder = stable
    assert "Retraining is not due." in output
    assert due(numbers["conclusion"]) == set()
    assert {f["language"] for f in numbers["conclusion"]["findings"]} >= {"all", "he", "ar", "cs", "en"}
    assert {path.name for path in folder.iterdir()} == {
        "FEEDBACK.md",
        "feedback.json",
        "agreement.png",
        "calibration.png",
        "reliability.png",
    }


def test_the_numbers_of_a_period_are_counts(stable: tuple[str, dict[str, Any], Path]) -> None:
    _, numbers, _ = stable
    first = numbers["periods"][0]["languages"]["all"]
    assert numbers["periods"][0]["start"] == "2025-01-06"
    assert first["decisions"] == first["agreement"]["count"] == 100
    wrong = sum(first[name]["value"] * first[name]["count"] for name in ("missed", "needless"))
    assert first["agreement"]["value"] == pytest.approx(1 - wrong / 100)


def test_agreement_is_listed_by_week_and_language(stable: tuple[str, dict[str, Any], Path]) -> None:
    _, numbers, folder = stable
    text = (folder / "FEEDBACK.md").read_text(encoding="utf-8")
    table = text[text.index("By week and language:") :].split("\n\n")[1].splitlines()
    assert " ".join(table[0].split()) == "| week from | Hebrew | Arabic | Czech | English |"
    assert len(table) == 2 + len(numbers["periods"])
    czech = numbers["periods"][0]["languages"]["cs"]["agreement"]
    assert f"{czech['value']:.1%} (" in table[2].split("|")[4]
    assert f"n={czech['count']})" in table[2].split("|")[4]


def test_a_drop_in_one_language_is_due_and_names_it(report: Reporter) -> None:
    def drop(row: dict[str, Any], place: float, random: np.random.Generator) -> None:
        if row["language"] == "cs" and place > 0.75 and random.random() < 0.6:
            turn(row)

    output, numbers = report(decisions(1600, drop))
    assert "Retraining is due." in output
    assert {language for language, _ in due(numbers["conclusion"])} - {"all"} == {"cs"}
    assert re.search(r"! Czech, .*a clear and large drop", output)
    assert not re.search(r"! (Hebrew|Arabic|English)", output)


def test_probabilities_that_are_wrong_throughout_are_due_for_calibration_only(judge: Judge) -> None:
    def wrong(row: dict[str, Any], place: float, random: np.random.Generator) -> None:
        if row["needed_a_person"] == "yes" and random.random() < 0.4:
            turn(row)

    found = due(judge(decisions(1600, wrong)).to_dict())
    assert ("all", "calibration") in found
    assert {kind for _, kind in found} == {"calibration"}


def test_few_verdicts_are_too_few_to_tell_and_several_models_are_pointed_out(report: Reporter) -> None:
    def newer(row: dict[str, Any], place: float, random: np.random.Generator) -> None:
        row["model"] = "0.1.0" if place < 0.5 else "0.2.0"

    output, numbers = report(decisions(40, newer))
    assert "of several models (0.1.0, 0.2.0)" in output
    assert "Too few verdicts to tell whether retraining is due (n=10 recent and 30 earlier" in output
    assert numbers["conclusion"]["findings"] == []


def test_verdicts_on_escalated_messages_only_leave_misses_unknown(judge: Judge) -> None:
    def escalated_only(row: dict[str, Any], place: float, random: np.random.Generator) -> None:
        if row["action"] == "continue":
            row["needed_a_person"] = ""

    rows = decisions(1600, escalated_only)
    conclusion = judge(rows)
    assert "no decision to leave a message to the bot was judged" in " ".join(conclusion.untold)
    assert conclusion.answer == "not due"
    recent = judge.parts(rows, Rule())[RECENT]
    left = by_action(recent, 0.95)["continue"]
    assert left["judged"] == 0 < left["decisions"]
    assert measure_agreement(recent, 0.95)["missed"]["count"] == 0


def test_judging_fewer_of_one_action_is_no_drop(judge: Judge) -> None:
    """Agreement on all decisions together falls here, only because other decisions are judged."""

    def fewer(row: dict[str, Any], place: float, random: np.random.Generator) -> None:
        # What is left to the bot is right more often than what is not, as the probabilities say.
        handed = random.random() < 0.5
        row.update(dict.fromkeys(OUTPUTS, 0.0), complexity=0.6 if handed else 0.05)
        row["action"] = "offer" if handed else "continue"
        row["needed_a_person"] = "yes" if random.random() < row["complexity"] else "no"
        if place > 0.75 and not handed and random.random() < 0.7:
            row["needed_a_person"] = ""

    rows = decisions(1600, fewer)
    parts = judge.parts(rows, Rule())
    together = [agreement(parts[name], None, Rule().confidence) for name in (RECENT, EARLIER)]
    change, _, high = difference(*together)
    assert change < -Rule().drop
    assert high < 0
    conclusion = judge(rows)
    assert conclusion.answer == "not due"
    assert {("all", side) for side in SIDES} <= {(f.language, f.kind) for f in conclusion.findings}


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

    output, numbers = report(decisions(1000, other_topic))
    assert "English messages of late differ from earlier ones" in output
    assert "Czech messages of late differ" not in output
    assert numbers["inputs"]["earlier decisions"]["told_apart"]["en"]["value"] > 0.95
    assert abs(numbers["inputs"]["earlier decisions"]["told_apart"]["cs"]["value"] - 0.5) < 0.15
    assert numbers["conclusion"]["answer"] == "not due"


def test_months_can_be_asked_for(report: Reporter) -> None:
    _, numbers = report(decisions(200), "--period", "month", "--recent-days", "56")
    assert [period["start"] for period in numbers["periods"]] == [
        f"2025-{month:02}-01" for month in range(1, 5)
    ]
    assert sum(part["all"]["decisions"] for part in numbers["parts"].values()) == 200
    assert numbers["parts"]["recent"]["all"]["decisions"] == pytest.approx(100, abs=5)


def test_the_earlier_calibration_error_is_named_where_it_is_known(judge: Judge) -> None:
    parts = judge.parts(decisions(1600), Rule())
    whole = conclude(parts[RECENT], parts[EARLIER], Rule())
    (reason,) = [f.reason for f in whole.findings if (f.language, f.kind) == ("all", "calibration")]
    earlier = calibrated_part(parts[EARLIER])
    before = calibration_error(earlier.expected, earlier.needed)
    assert f", before {before:.3f}, by chance" in reason
    few = conclude(parts[RECENT], parts[EARLIER].part(np.arange(99)), Rule())
    assert not any("before" in f.reason for f in few.findings if f.kind == "calibration")


def test_the_limits_of_the_rule_decide(judge: Judge) -> None:
    def small(row: dict[str, Any], place: float, random: np.random.Generator) -> None:
        if place > 0.5 and random.random() < 0.12:
            turn(row)

    rows = decisions(1600, small)
    strict = judge(rows, Rule(drop=0, error=0, recent_days=56))
    lenient = judge(rows, Rule(drop=0.3, error=0.3, recent_days=56))
    assert (strict.answer, lenient.answer) == ("due", "not due")


def worse(row: dict[str, Any], place: float, random: np.random.Generator) -> None:
    """Turn four of ten verdicts of the second half round: agreement falls, and calibration is off."""
    if place > 0.5 and random.random() < 0.4:
        turn(row)


def test_each_limit_decides_on_its_own() -> None:
    parts = parts_of(verdicts_of(decisions(800, worse)), Rule(recent_days=56))

    def conclusion(drop: float, error: float) -> Conclusion:
        return conclude(parts[RECENT], parts[EARLIER], Rule(drop=drop, error=error, recent_days=56))

    dropped, off, neither = conclusion(0.05, 1), conclusion(1, 0.05), conclusion(0.9, 0.9)
    assert {kind for _, kind in due(dropped.to_dict())} <= set(SIDES)
    assert {kind for _, kind in due(off.to_dict())} == {CALIBRATION}
    assert (dropped.answer, off.answer, neither.answer) == ("due", "due", "not due")
    small = {f.kind == CALIBRATION for f in neither.findings if "clear but small" in f.reason}
    assert small == {True, False}


def test_each_limit_reaches_the_rule_from_the_command_line(report: Reporter) -> None:
    options = ("--drop", "0.05", "--error", "1", "--recent-days", "56")
    _, numbers = report(decisions(400, worse), *options)
    assert (numbers["rule"]["drop"], numbers["rule"]["error"]) == (0.05, 1)
    assert {kind for _, kind in due(numbers["conclusion"])} <= set(SIDES)
    assert numbers["conclusion"]["answer"] == "due"


def test_chance_seldom_makes_any_of_the_comparisons_due() -> None:
    """Of 40 streams without change two may be due; each comparison at 5 % for itself makes it a dozen."""
    rule = Rule(drop=0, error=0, recent_days=56, fewest=20, fewest_calibrated=50)
    conclusions = []
    for seed in range(40):
        parts = parts_of(verdicts_of(decisions(400, seed=seed)), rule)
        conclusions.append(conclude(parts[RECENT], parts[EARLIER], rule))
    assert np.mean([len(conclusion.findings) for conclusion in conclusions]) > 10
    assert sum(conclusion.answer == "due" for conclusion in conclusions) <= 3
