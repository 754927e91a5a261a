from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from matplotlib.image import imread
from typer.testing import CliRunner

from escalate import Classifier
from escalate.policy import Policy
from tests.training.bundles import copy_bundle
from training.__main__ import app
from training.corpus.messages import SPLITS, corpus_hash, read_messages, read_split, write_messages

COSTS = ("--missed-cost", "50", "--hand-off-cost", "4")


def run(*arguments: str | Path) -> tuple[int, str]:
    result = CliRunner().invoke(app, ["thresholds", *map(str, arguments)])
    return result.exit_code, " ".join(result.output.split())


@pytest.fixture(scope="module")
def tickets(tiny_corpus: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The test split as a file of tickets with other column names and some labels missing."""
    path = tmp_path_factory.mktemp("tickets") / "tickets.csv"
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["body", "lang", "complexity", "is_angry", "human_requested", "group"])
        for i, m in enumerate(read_split(tiny_corpus, "test")):
            labels = [m.complexity, m.negative_sentiment, None if i % 20 == 0 else m.human_requested]
            cells = ["" if label is None else ("no", "yes")[label] for label in labels]
            writer.writerow([m.text, m.language, *cells, m.group])
    return path


def test_costs_write_policy_report_and_figures(tiny_bundle: Path, tiny_corpus: Path, tmp_path: Path) -> None:
    out, report = tmp_path / "policy.json", tmp_path / "report"
    arguments = ("--model", tiny_bundle, "--corpus", tiny_corpus, "--out", out, "--report", report)
    code, output = run(*COSTS, *arguments, "--per-language", "--volume", "2000")
    assert code == 0, output
    assert "a day at 2,000 messages" in output
    assert "calibrated, and its default policy was chosen, on these same messages" in output
    classifier = Classifier.load(tiny_bundle, policy=out)
    numbers = json.loads((report / "thresholds.json").read_text(encoding="utf-8"))
    assert classifier.policy == Policy.from_dict(numbers["policy"])
    assert "Hebrew has fewer than 20 labelled messages" in output
    assert numbers["too_few"] == ["he", "ar", "cs", "en"]
    assert classifier.predict("where is my parcel 1").action in ("continue", "offer", "escalate")
    text = (report / "THRESHOLDS.md").read_text(encoding="utf-8")
    assert "validation split" in text
    assert "nan" not in text
    for name in ("hand_offs.png", "costs.png"):
        assert f"]({name})" in text
        assert np.std(imread(report / name)) > 0.01


def test_own_tickets_with_other_columns(
    tiny_bundle: Path, tiny_corpus: Path, tickets: Path, tmp_path: Path
) -> None:
    out, report = tmp_path / "policy.json", tmp_path / "report"
    mapping = ("--text", "body", "--language", "lang", "--negative-sentiment", "is_angry")
    code, output = run(
        "--data", tickets, *mapping, "--recall", "0.9", "--model", tiny_bundle, "--corpus", tiny_corpus,
        "--out", out, "--report", report,
    )  # fmt: skip
    assert code == 0, output
    assert "on these same messages" not in output
    assert "lack a label" in output
    numbers = json.loads((report / "thresholds.json").read_text(encoding="utf-8"))
    assert numbers["data"]["name"] == str(tickets)
    assert numbers["data"]["judged"] < numbers["data"]["messages"]
    assert numbers["apparent"]["recall"] >= 0.9
    assert {path.name for path in report.iterdir()} == {"THRESHOLDS.md", "thresholds.json", "hand_offs.png"}


def test_rows_without_text_are_counted(
    tiny_bundle: Path, tiny_corpus: Path, tickets: Path, tmp_path: Path
) -> None:
    data = tmp_path / "tickets.csv"
    data.write_bytes(tickets.read_bytes() + b",en,yes,yes,yes,a\n,cs,no,no,no,b\n")
    code, output = run(
        "--data", data, "--text", "body", "--language", "lang", "--negative-sentiment", "is_angry",
        "--recall", "0.9", "--model", tiny_bundle, "--corpus", tiny_corpus, "--out", tmp_path / "policy.json",
    )  # fmt: skip
    assert code == 0, output
    assert "Left out, because there is no text: 2 rows." in output


def test_training_messages_are_pointed_out(tiny_bundle: Path, tiny_corpus: Path, tmp_path: Path) -> None:
    learned = read_split(tiny_corpus, "train")
    path = tmp_path / "mine.jsonl"
    path.write_text(
        "".join(
            json.dumps({"text": m.text, "language": m.language, "complexity": m.complexity}) + "\n"
            for m in learned
        ),
        encoding="utf-8",
    )
    code, output = run(
        "--data", path, "--recall", "0.9", "--model", tiny_bundle, "--corpus", tiny_corpus,
        "--out", tmp_path / "policy.json",
    )  # fmt: skip
    assert code == 0, output
    assert f"{len(learned)} of the messages are in the train split" in output
    assert "no labels for negative sentiment and human requested" in output


def test_messages_that_any_model_of_a_chain_learned_are_pointed_out(
    tiny_bundle: Path, tiny_corpus: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    learned = read_split(tiny_corpus, "test")
    first = tmp_path / "runs" / "first" / "corpus"
    for split in SPLITS:
        write_messages(first / split / "all.jsonl", learned)

    def go_on_from_first(manifest: dict[str, Any]) -> None:
        manifest["data"] |= {"origin": "user", "learned": [corpus_hash(first), manifest["data"]["sha256"]]}

    further = copy_bundle(tiny_bundle, tmp_path / "further", "2.0", go_on_from_first)
    arguments = ("--recall", "0.9", "--model", further, "--report", "report")
    for corpus, missing in ((tiny_corpus, []), (first, [corpus_hash(tiny_corpus)])):
        code, output = run("--data", first / "test" / "all.jsonl", *arguments, "--corpus", corpus)
        assert code == 0, output
        assert f"{len(learned)} of the messages are in the train split" in output
        numbers = json.loads(Path("report/thresholds.json").read_text(encoding="utf-8"))
        assert numbers["data"]["not_found"] == missing
        assert output.count("are not to be found") == len(missing)
    (tmp_path / "runs").rename(tmp_path / "elsewhere")
    code, output = run("--data", "elsewhere/first/corpus/test/all.jsonl", *arguments)
    assert code == 0, output
    assert "in the train split" not in output
    assert output.count("training messages of the model are not to be found") == 2


def test_a_capacity_out_of_reach_writes_nothing(tiny_bundle: Path, tiny_corpus: Path, tmp_path: Path) -> None:
    arguments = ("--model", tiny_bundle, "--corpus", tiny_corpus, "--out", tmp_path / "p.json")
    code, output = run("--capacity", "1", "--volume", "1000", *arguments, "--report", tmp_path / "report")
    assert code == 1
    assert "raise --capacity to at least" in output
    assert list(tmp_path.iterdir()) == []


def test_data_without_positives_are_one_sentence(
    tiny_bundle: Path, tiny_corpus: Path, tmp_path: Path
) -> None:
    path = tmp_path / "calm.csv"
    rows = "\n".join(f"where is my parcel {i},en,0" for i in range(60))
    path.write_text(f"text,language,complexity\n{rows}\n", encoding="utf-8")
    code, output = run(
        "--data", path, *COSTS, "--model", tiny_bundle, "--corpus", tiny_corpus, "--out", tmp_path / "p"
    )
    assert code == 1
    assert "has 0 fully labelled messages that must reach a person; at least 20 are needed" in output
    assert not (tmp_path / "p").exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((), "exactly one aim"),
        (("--recall", "0.9", "--capacity", "5"), "exactly one aim"),
        (("--capacity", "5"), "needs --volume"),
        (("--missed-cost", "5"), "needed together"),
        (("--missed-cost", "-5", "--hand-off-cost", "1"), "not above 0"),
        (("--recall", "95"), "at most 1"),
    ],
)
def test_wrong_aims_are_refused(arguments: tuple[str, ...], message: str) -> None:
    code, output = run(*arguments)
    assert code == 2
    assert message in output.replace("│ │ ", "")


def test_an_unwritable_policy_file_is_an_error(tiny_bundle: Path, tiny_corpus: Path, tmp_path: Path) -> None:
    out = tmp_path / "missing" / "policy.json"
    code, output = run("--recall", "0.9", "--model", tiny_bundle, "--corpus", tiny_corpus, "--out", out)
    assert code == 1
    assert "cannot write" in output


def test_an_empty_split_is_an_error(tiny_bundle: Path, tiny_corpus: Path, tmp_path: Path) -> None:
    for path in tiny_corpus.glob("*/*.jsonl"):
        empty = path.parent.name == "validation"
        write_messages(tmp_path / path.parent.name / path.name, [] if empty else read_messages(path))
    code, output = run("--recall", "0.9", "--model", tiny_bundle, "--corpus", tmp_path)
    assert code == 1
    assert "nothing to choose from" in output
