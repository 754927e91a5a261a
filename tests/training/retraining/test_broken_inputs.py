from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.training.retraining.making import COLUMNS, WORDS, make_tickets, run, write_csv

TICKETS = make_tickets(60, WORDS)


def good(path: Path) -> None:
    write_csv(path, TICKETS)


def empty(path: Path) -> None:
    path.write_bytes(b"")


def header_only(path: Path) -> None:
    write_csv(path, [])


def three_rows(path: Path) -> None:
    write_csv(path, TICKETS[:3])


def unknown_label(path: Path) -> None:
    write_csv(path, TICKETS, lambda ticket, output: "maybe")


def unlabelled(path: Path) -> None:
    write_csv(path, TICKETS, lambda ticket, output: None)


def one_class(path: Path) -> None:
    write_csv(path, TICKETS, lambda ticket, output: 1 if output == "complexity" else ticket.labels[output])


def mixed_encodings(path: Path) -> None:
    good(path)
    path.write_bytes(path.read_bytes() + "שלום לכם,he,0,0,0\n".encode("windows-1255"))


Case = tuple[Callable[[Path], None], tuple[str, ...], str]

CASES: dict[str, Case] = {
    "empty file": (empty, (), "is empty"),
    "no rows": (header_only, (), "no row"),
    "three rows": (three_rows, (), "at least 10 are needed"),
    "unknown label": (unknown_label, (), "'maybe'"),
    "no labels": (unlabelled, (), "no labels to train"),
    "one class": (one_class, (), "every label of complexity"),
    "one class and no corpus": (one_class, ("--own-share", "1"), "not both labels of complexity"),
    "mixed encodings": (mixed_encodings, (), "mixes encodings"),
    "wrong column": (good, ("--text", "message"), "no column 'message'"),
    "duplicate ids": (good, ("--id", "lang"), "row 2 has it too"),
    "no group column": (good, ("--split", "group"), "no column for --group"),
    "unknown split": (good, ("--split", "quarterly"), "no split by 'quarterly'"),
    "no share": (good, ("--own-share", "0"), "above 0"),
    "no epochs": (good, ("--epochs", "0"), "1 or more"),
    "a negative seed": (good, ("--seed", "-1"), "from 0 to"),
    "a run in the new bundle": (good, ("--run", "models/mine/run"), "would replace the run"),
    "a run where the new bundle is to go": (good, ("--run", "models/mine"), "would replace the run"),
    "a run that is a file": (good, ("--run", "tickets.csv"), "something else"),
    "no start": (good, ("--start", "models/none"), "manifest.json"),
    "no corpus": (good, ("--corpus", "nowhere"), "no .jsonl files"),
    "no recipe": (good, ("--recipe", "none.toml"), "none.toml"),
    "a version that is no name": (good, ("--version", "../mine"), "cannot name a folder"),
}


@pytest.mark.parametrize("name", CASES)
def test_broken_inputs_end_in_one_sentence_and_write_nothing(
    name: str, workplace: Path, tiny_bundle: Path, tiny_corpus: Path, recipe_file: Path
) -> None:
    write, options, reason = CASES[name]
    write(workplace / "tickets.csv")
    given = {
        "--start": tiny_bundle, "--corpus": tiny_corpus, "--recipe": recipe_file, "--epochs": "1"
    }  # fmt: skip
    columns = dict(zip(COLUMNS[::2], COLUMNS[1::2], strict=True))
    changed = dict(zip(options[::2], options[1::2], strict=True))
    every = [str(part) for pair in {**given, **columns, **changed}.items() for part in pair]
    result = run("train", "--data", "tickets.csv", "--out", "models/mine", *every)
    assert result.exit_code == 1
    assert result.exception is None or isinstance(result.exception, SystemExit)
    (sentence,) = [line for line in result.output.splitlines() if line.startswith("training: ")]
    assert reason in sentence
    assert [path.name for path in workplace.iterdir()] == ["tickets.csv"]


TO_MEASURE_WITH = {
    "empty file": None,
    "no rows": None,
    "unknown label": None,
    "no labels": "labelled message",
    "mixed encodings": None,
    "wrong column": None,
    "duplicate ids": None,
}
"""Cases of commands that only measure, and what these say where it is something else."""


@pytest.mark.parametrize(
    "command", [("evaluate", "--out", "report"), ("thresholds", "--recall", "0.9", "--out", "policy.json")]
)
@pytest.mark.parametrize("name", TO_MEASURE_WITH)
def test_broken_tickets_to_measure_with(
    name: str, command: tuple[str, ...], workplace: Path, tiny_bundle: Path, tiny_corpus: Path
) -> None:
    write, options, reason = CASES[name]
    write(workplace / "tickets.csv")
    columns = dict(zip(COLUMNS[::2], COLUMNS[1::2], strict=True))
    changed = {**columns, **dict(zip(options[::2], options[1::2], strict=True))}
    every = [part for pair in changed.items() for part in pair]
    result = run(*command, "--model", tiny_bundle, "--data", "tickets.csv", *every)
    assert result.exit_code == 1
    (sentence,) = [line for line in result.output.splitlines() if line.startswith("training: ")]
    assert (TO_MEASURE_WITH[name] or reason) in sentence
    assert [path.name for path in workplace.iterdir()] == ["tickets.csv"]


def test_what_is_not_a_bundle_is_not_replaced(
    workplace: Path, tiny_bundle: Path, tiny_corpus: Path, recipe_file: Path
) -> None:
    good(workplace / "tickets.csv")
    precious = workplace / "models" / "mine"
    precious.mkdir(parents=True)
    (precious / "thesis.txt").write_text("keep me", encoding="utf-8")
    given = ("--start", tiny_bundle, "--corpus", tiny_corpus, "--recipe", recipe_file)
    result = run("train", "--data", "tickets.csv", "--out", "models/mine", *given, *COLUMNS)
    assert result.exit_code == 1
    assert "is no bundle" in result.output
    assert [path.name for path in precious.iterdir()] == ["thesis.txt"]
    assert not (workplace / "runs").exists()


def test_the_model_to_start_from_is_not_replaced(
    workplace: Path, tiny_bundle: Path, tiny_corpus: Path, recipe_file: Path
) -> None:
    good(workplace / "tickets.csv")
    given = ("--start", tiny_bundle, "--corpus", tiny_corpus, "--recipe", recipe_file)
    result = run("train", "--data", "tickets.csv", "--out", tiny_bundle, *given, *COLUMNS)
    assert result.exit_code == 1
    assert "still needed" in result.output


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        (("--out", "models/mine"), "name --data"),
        (("--text", "body"), "name --data"),
        (("--data", "tickets.csv"), "--data needs --out"),
    ],
)
def test_options_that_belong_together(options: tuple[str, ...], reason: str, workplace: Path) -> None:
    result = run("train", *options)
    assert result.exit_code == 2
    assert reason in result.output
    assert not list(workplace.iterdir())


def test_evaluating_without_the_messages_that_were_kept_out(workplace: Path, tiny_bundle: Path) -> None:
    result = run("evaluate", "--model", tiny_bundle, "--run", "runs/none")
    assert result.exit_code == 1
    assert "runs/none holds no messages" in result.output
    both = run("evaluate", "--model", tiny_bundle, "--corpus", "x", "--data", "y")
    assert both.exit_code == 2


@pytest.mark.parametrize(
    "options", [("--data", "tickets.csv"), ("--model", "released", "--against", "released")]
)
def test_a_model_is_not_compared_with_itself(
    options: tuple[str, ...], workplace: Path, released: Path
) -> None:
    good(workplace / "tickets.csv")
    given = [str(released) if option == "released" else option for option in options]
    result = run("evaluate", *given)
    assert result.exit_code == 2
    assert "with itself" in " ".join(result.output.split())
