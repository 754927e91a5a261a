from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from tests.training.making import make_message
from training.corpus.messages import read_split
from training.errors import RunError
from training.fitting.recipe import Recipe
from training.network.from_bundle import read_network
from training.retraining.learning import FEWEST_TO_WATCH, choose_watched, estimate, learn, steps_between
from training.retraining.mixing import mix
from training.retraining.plan import Plan, claim, source_hash
from training.retraining.retrain import duration
from training.tickets.columns import Columns


def test_early_stopping_goes_by_own_messages_where_enough_are_labelled() -> None:
    corpus = [make_message(i, id=f"c-{i}") for i in range(100)]
    unlabelled = {"complexity": None, "negative_sentiment": None, "human_requested": None}
    few = [make_message(i, **(unlabelled if i else {})) for i in range(100)]
    enough = [make_message(i) for i in range(FEWEST_TO_WATCH)]
    assert not choose_watched(few, corpus, 1).own
    assert {m.id for m in choose_watched(few, corpus, 1).messages} == {m.id for m in corpus}
    assert choose_watched(enough, corpus, 1).own
    assert choose_watched(few, [], 1).own


@pytest.mark.parametrize(("steps", "between"), [(1, 1), (9, 1), (100, 10), (90_000, 200)])
def test_the_loss_is_measured_often_enough(steps: int, between: int) -> None:
    assert steps_between(steps) == between


def test_what_makes_nothing_better_leaves_the_network_as_it_was(
    tiny_bundle: Path, tiny_corpus: Path, tiny_recipe: Recipe, tmp_path: Path
) -> None:
    model, base = read_network(tiny_bundle)
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    train = read_split(tiny_corpus, "train")[:64]
    turned = [replace(m, negative_sentiment=1 - (m.negative_sentiment or 0)) for m in train]
    settings = replace(tiny_recipe.teacher, learning_rate=1e-2)
    watched = read_split(tiny_corpus, "validation")[:100]
    assert not learn(model, base, mix(turned, [], 1, 2, 1), watched, settings, tmp_path / "worse", 1)
    for name, tensor in model.state_dict().items():
        torch.testing.assert_close(tensor, before[name], rtol=0, atol=0)


def test_an_estimate_leaves_the_network_as_it_was(
    tiny_bundle: Path, tiny_corpus: Path, tiny_recipe: Recipe
) -> None:
    model, base = read_network(tiny_bundle)
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    train = read_split(tiny_corpus, "train")
    settings = replace(tiny_recipe.teacher, batch_size=8)
    expected = estimate(model, base, mix(train[:100], train[100:], 0.5, 2, 1), train[:50], settings)
    assert expected.steps == 50
    assert expected.measurements == 12
    assert min(expected.step, expected.measurement, expected.reading) > 0
    assert expected.seconds == expected.steps * expected.step + 12 * expected.measurement
    for name, tensor in model.state_dict().items():
        torch.testing.assert_close(tensor, before[name], rtol=0, atol=0)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.2, "1 seconds"), (80, "80 seconds"), (600, "10 minutes"), (7200, "2 h 00 min")],
)
def test_durations_are_told_to_a_person(seconds: float, text: str) -> None:
    assert duration(seconds) == text


@pytest.fixture
def plan(tiny_bundle: Path, tiny_corpus: Path, tiny_recipe: Recipe, tmp_path: Path) -> Plan:
    (tmp_path / "tickets.csv").write_text("text\nhello\n", encoding="utf-8")
    return Plan(
        str(tmp_path / "tickets.csv"), Columns(), tiny_corpus, str(tiny_bundle), 0.5, 3, None, 1, tiny_recipe
    )


def test_a_run_is_bound_to_its_plan(plan: Plan, tmp_path: Path) -> None:
    folder = tmp_path / "run"
    assert claim(plan, folder) == claim(plan, folder)
    changes = {
        "columns": replace(plan, columns=Columns(text="body")),
        "--own-share": replace(plan, own_share=0.9),
        "--seed, --split": replace(plan, seed=2, split="time"),
        "--start": replace(plan, start="base"),
        "--recipe": replace(plan, recipe=replace(plan.recipe, offer_recall=0.5)),
    }
    for names, changed in changes.items():
        with pytest.raises(RunError) as caught:
            claim(changed, folder)
        assert all(name in str(caught.value).split(";")[0] for name in names.split(", "))
    (folder / "retraining.json").write_text("{", encoding="utf-8")
    with pytest.raises(RunError, match="damaged"):
        claim(plan, folder)


def test_a_run_of_a_corpus_is_not_taken_over(plan: Plan, tiny_run: Path) -> None:
    with pytest.raises(RunError, match="run of a corpus"):
        claim(plan, tiny_run)


def test_sources_are_told_apart_by_their_bytes(tmp_path: Path) -> None:
    file, folder = tmp_path / "a.csv", tmp_path / "folder"
    file.write_text("text\nhello\n", encoding="utf-8")
    first = source_hash(str(file))
    file.write_text("text\nhullo\n", encoding="utf-8")
    assert source_hash(str(file)) != first
    folder.mkdir()
    (folder / "part").write_bytes(b"1")
    whole = source_hash(str(folder))
    (folder / "part").rename(folder / "piece")
    assert source_hash(str(folder)) != whole
    assert source_hash("owner/name") == "owner/name"
