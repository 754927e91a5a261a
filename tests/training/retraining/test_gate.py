from __future__ import annotations

from pathlib import Path
from random import Random

from tests.training.bundles import copy_bundle
from tests.training.retraining.making import COLUMNS, SHIFTED, WORDS, make_tickets, run, write_csv


def test_the_gate_knows_a_better_and_a_worse_model_on_own_messages(
    workplace: Path, tiny_bundle: Path, tiny_corpus: Path, recipe_file: Path
) -> None:
    data = write_csv(workplace / "tickets.csv", make_tickets(500, SHIFTED))
    given = ("--start", tiny_bundle, "--corpus", tiny_corpus, "--recipe", recipe_file, "--version", "mine-1")
    result = run("train", "--data", data, "--out", "models/mine", *given, *COLUMNS)
    assert result.exit_code == 0, result.output

    passed = run("release", "models/mine", "--against", tiny_bundle, "--models", "released")
    assert passed.exit_code == 0, passed.output
    assert " 0 losses" in passed.output
    assert (workplace / "released" / "mine-1" / "reference.jsonl").is_file()

    corpus = ("--corpus", "runs/mine/corpus", "--models", "released")
    refused = run("release", tiny_bundle, "--against", "models/mine", *corpus)
    assert refused.exit_code == 1
    assert "is worse than mine-1" in refused.output
    assert not (workplace / "released" / "tiny").exists()

    # Other tickets than those it kept out; what it learned does not count.
    more = write_csv(workplace / "more.csv", make_tickets(700, SHIFTED))
    by_data = ("--data", more, *COLUMNS, "--check")
    same = copy_bundle(workplace / "models" / "mine", workplace / "models" / "same", "mine-2")
    checked = run("release", same, "--against", "models/mine", *by_data)
    assert checked.exit_code == 0, checked.output
    assert "450 of 700 messages are left out: this model learned them." in checked.output
    assert "passes; nothing was released" in " ".join(checked.output.split())
    worse = run("release", tiny_bundle, "--against", "models/mine", *by_data)
    assert worse.exit_code == 1
    assert f"no better than chance on {more}" in worse.output
    both = run("release", "models/mine", *by_data, "--corpus", "runs/mine/corpus")
    assert both.exit_code == 2

    # The messages of the run are what it is judged by; without them it is not judged by others.
    (workplace / "runs").rename(workplace / "elsewhere")
    lost = run("release", "models/mine", "--against", tiny_bundle, "--models", "released")
    assert lost.exit_code == 1
    assert "--corpus" in lost.output


def test_shuffled_labels_are_refused(
    workplace: Path, tiny_bundle: Path, tiny_corpus: Path, recipe_file: Path
) -> None:
    random = Random(3)
    tickets = make_tickets(1400, WORDS)
    data = write_csv(workplace / "tickets.csv", tickets, lambda ticket, output: random.randint(0, 1))
    given = ("--start", tiny_bundle, "--corpus", tiny_corpus, "--recipe", recipe_file, "--epochs", "1")
    result = run("train", "--data", data, "--out", "models/mine", *given, *COLUMNS)
    assert result.exit_code == 0, result.output

    evaluated = run("evaluate", "--model", "models/mine", "--against", tiny_bundle)
    assert evaluated.exit_code == 0, evaluated.output
    assert "better than chance on these messages: check its labels" in evaluated.output

    refused = run("release", "models/mine", "--against", tiny_bundle, "--models", "released")
    assert refused.exit_code == 1
    assert "no better than chance" in refused.output
    assert not (workplace / "released").exists()
