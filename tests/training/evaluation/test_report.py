from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from matplotlib.image import imread
from typer.testing import CliRunner

from escalate import Classifier
from escalate.bundle import MANIFEST
from training.__main__ import app
from training.corpus.messages import Message, corpus_hash, read_messages, read_split, write_messages
from training.evaluation.answers import answer, evaluate

FIGURES = {
    *(
        f"{kind}_{output}.png"
        for kind in ("precision_recall", "reliability")
        for output in ("complexity", "negative_sentiment", "human_requested")
    ),
    "language_confusion.png",
    "hand_offs.png",
}


@pytest.fixture(scope="module")
def report(tiny_bundle: Path, tiny_corpus: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a report on the tiny bundle."""
    folder = tmp_path_factory.mktemp("report")
    (folder / "notes.txt").write_text("mine")
    arguments = ["--model", str(tiny_bundle), "--corpus", str(tiny_corpus), "--out", str(folder)]
    result = CliRunner().invoke(app, ["evaluate", *arguments])
    assert result.exit_code == 0, result.output
    return folder


@pytest.fixture(scope="module")
def numbers(report: Path) -> dict[str, Any]:
    def refuse(constant: str) -> None:
        raise AssertionError(f"{constant} is not JSON")

    text = (report / "report.json").read_text(encoding="utf-8")
    data: dict[str, Any] = json.loads(text, parse_constant=refuse)
    return data


def test_all_files_are_there_and_nothing_else(report: Path) -> None:
    assert {path.name for path in report.iterdir()} == {"REPORT.md", "report.json", "notes.txt", *FIGURES}


def test_figures_are_pictures_of_readable_size(report: Path) -> None:
    for name in FIGURES:
        height, width = imread(report / name).shape[:2]
        assert 700 <= width <= 1000
        assert height < width
        assert np.std(imread(report / name)) > 0.01


def test_the_numbers_are_those_of_the_evaluation(
    numbers: dict[str, Any], tiny_bundle: Path, tiny_corpus: Path
) -> None:
    expected = evaluate(answer(Classifier.load(tiny_bundle), read_split(tiny_corpus, "test")))
    for language, values in expected["languages"].items():
        assert numbers["metrics"]["languages"][language]["complexity"] == values["complexity"]
    assert numbers["metrics"]["operation"] == expected["operation"]
    # The tiny corpus holds each of the eight combinations of labels as often, and one needs no person.
    for values in numbers["metrics"]["operation"].values():
        assert values["must_reach_a_person"] == 7 / 8
    assert {values["messages"] for values in numbers["metrics"]["languages"].values()} == {96}
    whole = numbers["slices"]["en"]["all"]["all"]["complexity"]["macro_f1"]
    assert whole["value"] == pytest.approx(expected["languages"]["en"]["complexity"]["macro_f1"])


def test_the_numbers_say_how_they_were_made(
    numbers: dict[str, Any], tiny_bundle: Path, tiny_corpus: Path
) -> None:
    manifest = json.loads((tiny_bundle / MANIFEST).read_text(encoding="utf-8"))
    assert numbers["corpus"] == numbers["model"]["corpus"] == corpus_hash(tiny_corpus)
    assert numbers["model"]["version"] == "tiny"
    assert numbers["model"]["sha256"] == manifest["sha256"]
    assert numbers["seed"] == 1
    keywords = manifest["metrics"]["baselines"]["keyword list"]["he"]["complexity"]
    assert numbers["baselines"]["keyword list"]["he"]["complexity"] == keywords


def test_what_cannot_be_computed_is_none(numbers: dict[str, Any]) -> None:
    assert numbers["metrics"]["languages"]["en"]["pairs_both_right"] is None


def test_the_text_opens_with_the_summary_and_its_origin(report: Path, tiny_corpus: Path) -> None:
    text = (report / "REPORT.md").read_text(encoding="utf-8")
    title, summary = text.split("\n\n")[:2]
    assert title == "# Report on model tiny"
    assert [line.split("|")[1].strip() for line in summary.splitlines()[2:]] == [
        "Hebrew",
        "Arabic",
        "Czech",
        "English",
        "other",
    ]
    assert corpus_hash(tiny_corpus) in text
    assert "| seed " in text
    assert "nan" not in text
    for name in FIGURES:
        assert f"]({name})" in text


def test_the_invariance_table_is_in_the_text(report: Path, numbers: dict[str, Any]) -> None:
    text = (report / "REPORT.md").read_text(encoding="utf-8")
    count = numbers["invariance"]["he"]["niqqud"]["messages"]
    assert f"| invisible | niqqud                   | 0.0% ({count})" in text


def test_by_default_the_report_goes_into_the_bundle_and_is_the_same_again(
    tiny_bundle: Path, tiny_corpus: Path, report: Path
) -> None:
    result = CliRunner().invoke(app, ["evaluate", "--model", str(tiny_bundle), "--corpus", str(tiny_corpus)])
    assert result.exit_code == 0, result.output
    for name in ("report.json", "REPORT.md", "hand_offs.png", "reliability_complexity.png"):
        assert (tiny_bundle / "report" / name).read_bytes() == (report / name).read_bytes()


def changed_corpus(corpus: Path, folder: Path, keep: int) -> Path:
    for path in corpus.glob("*/*.jsonl"):
        messages = read_messages(path)
        count = keep if path.parent.name == "test" else len(messages)
        write_messages(folder / path.parent.name / path.name, messages[:count])
    return folder


def test_another_corpus_is_pointed_out_and_has_no_baselines(
    tiny_bundle: Path, tiny_corpus: Path, tmp_path: Path
) -> None:
    corpus = changed_corpus(tiny_corpus, tmp_path / "corpus", keep=10)
    out = tmp_path / "out"
    arguments = ["--model", str(tiny_bundle), "--corpus", str(corpus), "--out", str(out)]
    result = CliRunner().invoke(app, ["evaluate", *arguments])
    assert result.exit_code == 0, result.output
    text = (out / "REPORT.md").read_text(encoding="utf-8")
    assert "another corpus than the model was trained with" in text
    assert "Beside simple models" not in text
    assert "too few" in text


def test_mistakes_quote_the_projects_own_messages_alone(
    released: Path, tiny_corpus: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    corpus = changed_corpus(tiny_corpus, tmp_path / "corpus", keep=2)
    text = "Kdy dostanu svou vratku?"
    # One of the two is a mistake, whatever the model answers.
    both = [Message(f"cs-{label}", text, "cs", label, 0, 0, "chat") for label in (0, 1)]
    write_messages(corpus / "test" / "cs.jsonl", both)

    def report_files(folder: Path) -> list[str]:
        arguments = ["--model", str(released), "--corpus", str(corpus), "--out", str(folder)]
        result = CliRunner().invoke(app, ["evaluate", *arguments])
        assert result.exit_code == 0, result.output
        return [(folder / name).read_text(encoding="utf-8") for name in ("REPORT.md", "report.json")]

    own, numbers = report_files(tmp_path / "own")
    assert "### Mistakes in Czech" in own
    assert "| cs-0 |" in own or "| cs-1 |" in own
    assert text not in own
    monkeypatch.setattr("training.corpus.messages.CORPUS", corpus.resolve())
    quoted, same_numbers = report_files(tmp_path / "quoted")
    assert f"\u2068{text}\u2069 |" in quoted
    assert "| cs-0 |" not in quoted
    assert same_numbers == numbers
    assert text not in numbers
    found = json.loads(numbers)["mistakes"]["cs"]["outputs"]["complexity"]
    assert found["missed"] + found["false_alarms"] == 1


def test_an_empty_test_split_is_an_error_and_writes_nothing(
    tiny_bundle: Path, tiny_corpus: Path, tmp_path: Path
) -> None:
    corpus = changed_corpus(tiny_corpus, tmp_path / "corpus", keep=0)
    out = tmp_path / "out"
    arguments = ["--model", str(tiny_bundle), "--corpus", str(corpus), "--out", str(out)]
    result = CliRunner().invoke(app, ["evaluate", *arguments])
    assert result.exit_code == 1
    assert "nothing to evaluate" in result.output
    assert not out.exists()


def test_a_missing_model_is_an_error(tiny_corpus: Path, tmp_path: Path) -> None:
    arguments = ["--model", str(tmp_path), "--corpus", str(tiny_corpus)]
    result = CliRunner().invoke(app, ["evaluate", *arguments])
    assert result.exit_code == 1
    assert "manifest.json" in result.output
