from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from escalate.bundle import FORMAT_VERSION, MANIFEST, released_bundle, seal
from escalate.errors import BundleError
from training.errors import CorpusError, FileError, RunError
from training.fitting.recipe import read_recipe
from training.retraining.plan import BASE, RECORD, RELEASED, Plan, find_record, source_hash, write_record
from training.tickets.columns import Columns


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    """A folder with as much of a bundle as a plan looks at."""
    folder = tmp_path / "bundle"
    folder.mkdir()
    (folder / MANIFEST).write_text(json.dumps(seal({"format": FORMAT_VERSION})), encoding="utf-8")
    return folder


@pytest.fixture
def plan(bundle: Path, tiny_corpus: Path, tmp_path: Path) -> Plan:
    source = tmp_path / "tickets.csv"
    source.write_text("text\nhello\n", encoding="utf-8")
    return Plan(str(source), Columns(), tiny_corpus, str(bundle), 0.5, 3, None, 1, read_recipe())


def begin(plan: Plan, folder: Path) -> None:
    write_record(find_record(plan, folder), folder)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"own_share": 0.0}, "above 0 and at most 1"),
        ({"own_share": 1.01}, "above 0 and at most 1"),
        ({"own_share": float("nan")}, "above 0 and at most 1"),
        ({"epochs": 0}, "1 or more"),
        ({"seed": -1}, "from 0 to 4294967295"),
        ({"seed": 2**32}, "from 0 to 4294967295"),
        ({"source": ""}, "--data is empty"),
    ],
)
def test_what_cannot_be_planned_is_refused(plan: Plan, changes: dict[str, Any], reason: str) -> None:
    with pytest.raises(RunError, match=reason):
        replace(plan, **changes)


def test_where_training_starts(plan: Plan, bundle: Path) -> None:
    assert plan.start_bundle == bundle
    assert replace(plan, start=RELEASED).start_bundle == released_bundle()
    assert replace(plan, start=BASE).start_bundle is None


def test_what_is_trained_already_goes_on_at_half_the_rate(plan: Plan) -> None:
    recipe = plan.recipe.teacher
    further, anew = plan.settings(4, 400), replace(plan, start=BASE).settings(4, 400)
    assert further.learning_rate == recipe.learning_rate / 2
    assert anew.learning_rate == recipe.learning_rate
    assert anew.layers == further.layers == (0, 1, 2, 3)
    assert anew.copies == plan.epochs
    assert anew.max_tokens == recipe.max_tokens


@pytest.mark.parametrize(
    ("messages", "passes"),
    [
        (8, 6),
        (10_000, 6),
        (10_001, 5),
        (15_001, 3),
        (20_000, 3),
        (30_000, 2),
        (30_001, 1),
        (60_000, 1),
        (160_000, 1),
    ],
)
def test_many_messages_are_learned_less_often(plan: Plan, messages: int, passes: int) -> None:
    assert replace(plan, epochs=None).passes(messages) == passes
    assert plan.passes(messages) == 3


def test_a_manifest_names_no_file_of_the_user(plan: Plan) -> None:
    told = plan.to_dict(4, 400)
    assert told["start"] == "bundle"
    assert json.loads(json.dumps(told))["training"]["copies"] == 3
    written = json.dumps(told)
    names = (plan.source, Path(plan.source).name, plan.start, str(plan.corpus))
    assert not [name for name in names if name in written]


def test_a_run_goes_on_with_its_plan_and_no_other(plan: Plan, tmp_path: Path) -> None:
    folder = tmp_path / "run"
    record = find_record(plan, folder)
    assert not folder.exists()
    write_record(record, folder)
    before = (folder / RECORD).read_bytes()
    assert find_record(plan, folder) == record
    changes = {
        "columns": replace(plan, columns=Columns(text="body")),
        "--own-share": replace(plan, own_share=0.9),
        "--epochs": replace(plan, epochs=4),
        "--seed, --split": replace(plan, seed=2, split="time"),
        "--start": replace(plan, start=BASE),
        "--recipe": replace(plan, recipe=replace(plan.recipe, offer_recall=0.5)),
    }
    for names, changed in changes.items():
        with pytest.raises(RunError) as caught:
            find_record(changed, folder)
        told = str(caught.value).split("other ")[1].split(";")[0]
        assert sorted(told.split(", ")) == sorted(names.split(", "))
    assert (folder / RECORD).read_bytes() == before


def test_a_run_is_bound_to_contents_not_to_names(plan: Plan, bundle: Path, tmp_path: Path) -> None:
    folder = tmp_path / "run"
    begin(plan, folder)
    first = find_record(plan, folder)
    moved = replace(
        plan,
        source=str(Path(plan.source).rename(tmp_path / "moved.csv")),
        start=str(bundle.rename(tmp_path / "moved")),
    )
    assert find_record(moved, folder) == first
    Path(moved.source).write_text("text\nhullo\n", encoding="utf-8")
    with pytest.raises(RunError, match="other data;"):
        find_record(moved, folder)


def test_another_bundle_in_the_same_folder_is_another_start(plan: Plan, bundle: Path, tmp_path: Path) -> None:
    begin(plan, tmp_path / "run")
    other = seal({"format": FORMAT_VERSION, "version": "other"})
    (bundle / MANIFEST).write_text(json.dumps(other), encoding="utf-8")
    with pytest.raises(RunError, match="other --start;"):
        find_record(plan, tmp_path / "run")


@pytest.mark.parametrize(
    "text", ["", "{", "[]", "3", '{"facts": 1, "commit": ""}', '{"facts": {}, "commit": ""}']
)
def test_a_damaged_record_is_refused(plan: Plan, tmp_path: Path, text: str) -> None:
    begin(plan, tmp_path / "run")
    (tmp_path / "run" / RECORD).write_text(text, encoding="utf-8")
    with pytest.raises(RunError, match="damaged"):
        find_record(plan, tmp_path / "run")


def file_of_notes(folder: Path) -> None:
    folder.write_text("notes", encoding="utf-8")


def run_of_a_corpus(folder: Path) -> None:
    folder.mkdir()
    (folder / "run.json").write_text("{}", encoding="utf-8")


def folder_with_a_corpus(folder: Path) -> None:
    (folder / "corpus").mkdir(parents=True)


@pytest.mark.parametrize("make", [file_of_notes, run_of_a_corpus, folder_with_a_corpus])
def test_a_folder_with_something_else_is_not_taken_over(
    plan: Plan, tmp_path: Path, make: Callable[[Path], None]
) -> None:
    make(tmp_path / "run")
    with pytest.raises(RunError, match="something else than a training on own tickets"):
        find_record(plan, tmp_path / "run")


def test_an_empty_folder_can_become_a_run(plan: Plan, tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    begin(plan, tmp_path / "run")
    assert find_record(plan, tmp_path / "run").facts["--epochs"] == 3


def test_what_a_plan_needs_must_be_there(plan: Plan, tmp_path: Path) -> None:
    with pytest.raises(BundleError, match="nowhere"):
        find_record(replace(plan, start=str(tmp_path / "nowhere")), tmp_path / "run")
    with pytest.raises(CorpusError, match="nowhere"):
        find_record(replace(plan, corpus=tmp_path / "nowhere"), tmp_path / "run")
    record = find_record(plan, tmp_path / "run")
    with pytest.raises(FileError, match="cannot write into"):
        write_record(record, Path(plan.source) / "run")


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
