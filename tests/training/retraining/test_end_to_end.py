from __future__ import annotations

import csv
import json
import re
import shutil
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from escalate import Classifier
from escalate.cli import app as escalate
from tests.training.bundles import copy_bundle
from tests.training.retraining.making import (
    COLUMNS,
    SHIFTED,
    WORDS,
    Ticket,
    make_tickets,
    run,
    write_csv,
)
from training.corpus.messages import SPLITS, corpus_hash, read_split, write_messages
from training.tickets.columns import Columns
from training.tickets.own_corpus import write_own_corpus
from training.tickets.reading import read_tickets
from training.tickets.splitting import Split, split_tickets

READ = Columns(
    text="body",
    language="lang",
    complexity="is_complex",
    negative_sentiment="is_angry",
    human_requested="wants_human",
)
"""What COLUMNS say."""


def partial(ticket: Ticket, output: str) -> int | None:
    """Label a fifth of the Czech tickets in complexity only, of the English ones in all but that."""
    if len(ticket.text) % 5 == 0 and (ticket.language == "cs") != (output == "complexity"):
        return None
    return ticket.labels[output]


def train(data: Path, out: str, bundle: Path, corpus: Path, recipe: Path, *options: str) -> tuple[str, ...]:
    return (
        "train", "--data", str(data), "--out", out, "--start", str(bundle), "--corpus", str(corpus),
        "--recipe", str(recipe), *COLUMNS, *options,
    )  # fmt: skip


def corpus_with_held_out(corpus: Path, folder: Path, split: Split) -> Path:
    """Copy a corpus, and add own messages to it that a training on them keeps out."""
    shutil.copytree(corpus, folder)
    test = split.test[:9]
    for name, messages in {"train": (*split.validation[:9], *test), "validation": test}.items():
        write_messages(folder / name / "own.jsonl", messages)
    return folder


def refuse_secrets(bundle: Path, words: set[str], names: tuple[str, ...]) -> None:
    """Fail where a bundle tells words or names of the user."""
    for file in ("manifest.json", "MODEL_CARD.md"):
        told = (bundle / file).read_text(encoding="utf-8")
        assert not words & set(re.findall(r"\w+", told))
        assert not [name for name in names if name in told]


def test_a_model_trained_further_is_judged_by_what_its_start_never_saw(
    workplace: Path, tiny_bundle: Path, tiny_corpus: Path, recipe_file: Path
) -> None:
    tickets = make_tickets(150, SHIFTED)
    first = write_csv(workplace / "first.csv", tickets[:100], partial)
    second = write_csv(workplace / "second.csv", tickets, partial)
    options = ("--version", "mine", "--epochs", "1")
    assert run(*train(first, "models/mine", tiny_bundle, tiny_corpus, recipe_file, *options)).exit_code == 0
    counts = Classifier.load("models/mine").manifest["data"]
    drawn = counts["messages"]["train"]
    assert counts["corpus"]["messages"]["train"] > counts["corpus"]["drawn"] == drawn
    card = Path("models/mine/MODEL_CARD.md").read_text(encoding="utf-8")
    assert f"Beside them stood messages of a corpus ({drawn}, " in card
    assert f"| beside them | {drawn} messages of a corpus, " in card
    further = run(*train(second, "models/further", Path("models/mine"), tiny_corpus, recipe_file, *options))
    assert further.exit_code == 0, further.output
    assert "messages are in train: the model to start from learned them" in " ".join(further.output.split())
    saved = {
        name: {split: read_split(Path("runs") / name / "corpus", split) for split in SPLITS}
        for name in ("mine", "further")
    }
    learned = {message.text for split in ("train", "validation") for message in saved["mine"][split]}
    for split in ("validation", "test"):
        assert saved["further"][split]
        assert not learned & {message.text for message in saved["further"][split]}


def test_what_a_chain_of_models_learned_judges_no_later_one(
    workplace: Path, tiny_bundle: Path, tiny_corpus: Path, recipe_file: Path
) -> None:
    """The first model of the chain is gone, its run is there; the second one names both corpora."""
    tickets = make_tickets(150, SHIFTED)
    learned = []
    for name, part in (("january", tickets[:50]), ("february", tickets[50:100])):
        read = read_tickets(str(write_csv(workplace / f"{name}.csv", part, partial)), READ)
        learned.append(
            corpus_hash(write_own_corpus(read, split_tickets(read), Path("runs", name, "corpus")).folder)
        )

    def go_on(manifest: dict[str, Any]) -> None:
        manifest["data"] |= {"origin": "user", "sha256": learned[1], "learned": learned}

    start = copy_bundle(tiny_bundle, workplace / "models" / "february", "february", go_on)
    data = write_csv(workplace / "march.csv", tickets, partial)
    result = run(*train(data, "models/march", start, tiny_corpus, recipe_file, "--epochs", "1"))
    assert result.exit_code == 0, result.output
    assert "not to be found" not in result.output
    march = Path("runs/march/corpus")
    assert Classifier.load("models/march").manifest["data"]["learned"] == [*learned, corpus_hash(march)]
    for name in ("january", "february"):
        before = {
            m.text
            for split in ("train", "validation")
            for m in read_split(Path("runs", name, "corpus"), split)
        }
        for split in ("validation", "test"):
            texts = {message.text for message in read_split(march, split)}
            assert texts
            assert not before & texts


def test_a_start_whose_messages_are_gone_is_told(
    workplace: Path, tiny_bundle: Path, tiny_corpus: Path, recipe_file: Path
) -> None:
    def go_on(manifest: dict[str, Any]) -> None:
        manifest["data"] |= {"origin": "user", "learned": ["a" * 64, "b" * 64]}

    start = copy_bundle(tiny_bundle, workplace / "models" / "february", "february", go_on)
    data = write_csv(workplace / "march.csv", make_tickets(20, SHIFTED), lambda ticket, output: None)
    result = run(*train(data, "models/march", start, tiny_corpus, recipe_file))
    assert "no labels to train" in result.output
    for sha256 in ("a" * 12, "b" * 12):
        assert f"are not to be found in runs/ (corpus {sha256}…)" in result.output


def test_from_a_csv_to_scored_tickets(
    workplace: Path, tiny_bundle: Path, tiny_corpus: Path, recipe_file: Path
) -> None:
    tickets = make_tickets(900, SHIFTED)
    data = write_csv(workplace / "acme_inbox.csv", tickets, partial)
    split = split_tickets(read_tickets(data, READ))
    corpus = corpus_with_held_out(tiny_corpus, workplace / "acme_corpus", split)
    validated = run("validate", data, *COLUMNS)
    assert validated.exit_code == 0, validated.output
    result = run(
        *train(data, "models/mine", tiny_bundle, corpus, recipe_file, "--version", "mine-1", "--epochs", "2")
    )
    assert result.exit_code == 0, result.output
    assert "About" in result.output
    assert "Split at random" in result.output
    assert not list((workplace / "models").glob("*.part"))

    mine = Classifier.load("models/mine")
    manifest = mine.manifest
    assert mine.version == "mine-1"
    assert manifest["data"]["sha256"] == corpus_hash(Path("runs/mine/corpus"))
    assert {m.text for m in read_split(Path("runs/mine/corpus"), "test")} == {m.text for m in split.test}
    assert manifest["data"]["corpus"]["messages"] == {
        name: len(read_split(tiny_corpus, name)) for name in ("train", "validation")
    }
    noise = {ticket.text.split()[-1] for ticket in tickets}
    refuse_secrets(
        Path("models/mine"),
        {"acme_inbox", "acme_corpus", "body", "lang", "is_complex", "is_angry", "wants_human", *noise},
        (str(workplace), str(tiny_bundle), "runs/mine", "models/mine"),
    )
    known = manifest["data"]["labels"]
    train_split = read_split(Path("runs/mine/corpus"), "train")
    assert known["complexity"]["known"] == sum(m.complexity is not None for m in train_split)
    assert 0 < known["complexity"]["known"] < len(train_split)
    assert manifest["start"]["version"] == "tiny"
    assert Classifier.load(tiny_bundle).version == "tiny"
    card = Path("models/mine/MODEL_CARD.md").read_text(encoding="utf-8")
    assert "written for this project" not in card
    assert f"{manifest['data']['messages']['train']:,} messages" in card
    assert "model tiny, trained further" in card

    evaluated = run("evaluate", "--model", "models/mine", "--against", tiny_bundle)
    assert evaluated.exit_code == 0, evaluated.output
    numbers = json.loads(Path("models/mine/report/comparison.json").read_text(encoding="utf-8"))
    better = {(f["language"], f["output"]) for f in numbers["findings"] if f["kind"] == "better"}
    assert len({output for language, output in better if language == "all"}) >= 2
    assert "Better on " in evaluated.output
    assert not any(f["kind"] == "worse" for f in numbers["findings"])
    by_data = run("evaluate", "--model", "models/mine", "--against", tiny_bundle, "--data", data, *COLUMNS)
    assert by_data.exit_code == 0, by_data.output
    assert "are left out: this model learned them" in by_data.output

    chosen = run(
        "thresholds", "--data", data, *COLUMNS, "--model", "models/mine", "--recall", "0.8",
        "--out", "policy.json",
    )  # fmt: skip
    assert chosen.exit_code == 0, chosen.output
    assert f"{len(train_split)} of the messages are in the train split" in chosen.output
    options = ("--text-column", "body", "--model", "models/mine", "--policy", "policy.json")
    scored = CliRunner().invoke(escalate, ["score", str(data), "scored.csv", *options])
    assert scored.exit_code == 0, scored.output
    with Path("scored.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == len(tickets)
    assert {row["model"] for row in rows} == {"mine-1"}
    policy = json.loads(Path("policy.json").read_text(encoding="utf-8"))
    first = mine.predict(tickets[0].text)
    assert float(rows[0]["negative_sentiment"]) == pytest.approx(first.negative_sentiment, abs=1e-6)
    assert policy["offer"]
    with_policy = Classifier.load("models/mine", policy="policy.json")
    actions = [row["action"] for row in rows]
    assert actions == [with_policy.predict(ticket.text).action for ticket in tickets]
    assert actions != [mine.predict(ticket.text).action for ticket in tickets]
    with Path("verdicts.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, [*rows[0], "needed_a_person"])
        writer.writeheader()
        writer.writerows({**row, "needed_a_person": "yes" if i % 2 else "no"} for i, row in enumerate(rows))
    told = run("feedback", "verdicts.csv", "--text", "body", "--model", "models/mine")
    assert told.exit_code == 0, told.output
    # It is compared with the messages of its own run.
    assert "are not those of the model" not in " ".join(told.output.split())


def test_training_from_the_base_encoder_on_own_messages_alone(
    workplace: Path, tiny_corpus: Path, recipe_file: Path
) -> None:
    data = write_csv(workplace / "tickets.csv", make_tickets(300, SHIFTED))
    options = ("--start", "base", "--own-share", "1", "--epochs", "1", "--version", "mine-2")
    given = ("--corpus", tiny_corpus, "--recipe", recipe_file)
    result = run("train", "--data", data, "--out", "models/mine", *given, *COLUMNS, *options)
    assert result.exit_code == 0, result.output
    mine = Classifier.load("models/mine")
    assert "start" not in mine.manifest
    assert "corpus" not in mine.manifest["data"]
    assert mine.manifest["data"]["calibration_corpus"] == corpus_hash(tiny_corpus)
    card = Path("models/mine/MODEL_CARD.md").read_text(encoding="utf-8")
    assert "the base encoder, fine-tuned" in card
    assert "Beside them" not in card
    again = run("train", "--data", data, "--out", "models/mine", *given, *COLUMNS, *options)
    assert again.exit_code == 0, again.output
    assert Classifier.load("models/mine").manifest["sha256"] == mine.manifest["sha256"]


def test_a_report_on_partly_labelled_messages(
    workplace: Path, tiny_bundle: Path, tiny_corpus: Path, recipe_file: Path
) -> None:
    data = write_csv(workplace / "tickets.csv", make_tickets(200, WORDS), partial)
    columns = Columns(text="body", language="lang", complexity="is_complex", negative_sentiment="is_angry")
    tickets = read_tickets(data, columns)
    write_own_corpus(tickets, split_tickets(tickets), workplace / "corpus")
    result = run("evaluate", "--model", tiny_bundle, "--corpus", "corpus", "--out", "report")
    assert result.exit_code == 0, result.output
    assert (workplace / "report" / "REPORT.md").is_file()
