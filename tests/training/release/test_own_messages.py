from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from escalate.bundle import FORMAT_VERSION, MANIFEST, seal
from tests.training.making import make_message
from training.corpus.messages import SPLITS, Message, corpus_hash, write_messages
from training.errors import CorpusError, TicketsError
from training.release import own_messages
from training.release.own_messages import given_test_messages, known_to_others, saved_test_messages
from training.tickets.columns import Columns


def write_corpus(folder: Path, name: str) -> Path:
    """Write ten messages in each split, whose texts no other corpus has."""
    for split in SPLITS:
        messages = [make_message(i, text=f"{name} {split} {i}") for i in range(10)]
        write_messages(folder / split / "en.jsonl", messages)
    return folder


def write_bundle(folder: Path, corpus: Path, **data: Any) -> Path:
    """Write as much of a bundle as tells what it was trained with."""
    folder.mkdir(parents=True)
    told = {"sha256": corpus_hash(corpus), "origin": "user", **data}
    manifest = seal({"format": FORMAT_VERSION, "version": folder.name, "data": told})
    (folder / MANIFEST).write_text(json.dumps(manifest), encoding="utf-8")
    return folder


def write_tickets(path: Path, texts: list[str]) -> str:
    lines = ["text,language,complexity", *(f"{text},en,1" for text in texts)]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return str(path)


@pytest.fixture(autouse=True)
def corpus(workplace: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The project's corpus, for these tests."""
    folder = write_corpus(workplace / "data", "project")
    monkeypatch.setattr(own_messages, "CORPUS", folder)
    return folder


@pytest.fixture
def bundle(workplace: Path) -> Path:
    """A bundle that was trained in runs/mine."""
    return write_bundle(workplace / "mine", write_corpus(workplace / "runs" / "mine" / "corpus", "mine"))


def texts(messages: list[Message]) -> set[str]:
    return {message.text for message in messages}


@pytest.mark.parametrize("run", [None, Path("runs/mine")])
def test_the_test_split_that_was_kept_is_found(bundle: Path, run: Path | None) -> None:
    found = saved_test_messages(bundle, run)
    assert texts(found.messages) == {f"mine test {i}" for i in range(10)}
    assert texts(found.train) == {f"mine train {i}" for i in range(10)}
    assert found.notes == ()


def test_another_run_is_taken_with_a_warning(bundle: Path, workplace: Path) -> None:
    write_corpus(workplace / "runs" / "other" / "corpus", "other")
    found = saved_test_messages(bundle, Path("runs/other"))
    assert texts(found.messages) == {f"other test {i}" for i in range(10)}
    (note,) = found.notes
    assert note.startswith("The new model was not trained in runs/other")


def test_a_run_that_is_lost_or_holds_nothing_is_named(bundle: Path, workplace: Path) -> None:
    with pytest.raises(CorpusError, match="runs/none holds no messages"):
        saved_test_messages(bundle, Path("runs/none"))
    (workplace / "runs").rename(workplace / "elsewhere")
    with pytest.raises(
        CorpusError, match=r"not in runs/; name its run with --run, or other tickets with --data"
    ):
        saved_test_messages(bundle, None)


def test_given_messages_that_were_learned_are_left_out(bundle: Path, workplace: Path) -> None:
    learned = ["mine train 1", "MINE  train 2", "mine validation 3"]
    source = write_tickets(workplace / "tickets.csv", [*learned, "mine test 4", "a new one"])
    found = given_test_messages(bundle, source, Columns(), None)
    assert texts(found.messages) == {"mine test 4", "a new one"}
    assert found.notes == ("3 of 5 messages are left out: this model learned them.",)
    assert texts(found.train) == {f"mine train {i}" for i in range(10)}
    source = write_tickets(workplace / "tickets.csv", learned)
    with pytest.raises(TicketsError, match="learned all 3 messages"):
        given_test_messages(bundle, source, Columns(), None)


def test_given_rows_without_text_are_counted(bundle: Path, workplace: Path) -> None:
    source = write_tickets(workplace / "tickets.csv", ["mine train 1", "", "a new one"])
    counted = "Left out, because there is no text: 1 row."
    learned = "1 of 2 messages are left out: this model learned them."
    assert given_test_messages(bundle, source, Columns(), None).notes == (counted, learned)
    (workplace / "runs").rename(workplace / "elsewhere")
    assert given_test_messages(bundle, source, Columns(), None).notes[0] == counted


def test_without_its_run_a_model_may_have_learned_anything(bundle: Path, workplace: Path) -> None:
    (workplace / "runs").rename(workplace / "elsewhere")
    source = write_tickets(workplace / "tickets.csv", ["mine train 1", "a new one"])
    found = given_test_messages(bundle, source, Columns(), None)
    assert len(found.messages) == 2
    assert "may have learned some of these" in found.notes[0]
    found = given_test_messages(bundle, source, Columns(), Path("elsewhere/mine"))
    assert texts(found.messages) == {"a new one"}


def test_what_earlier_models_of_a_chain_learned_is_left_out_too(bundle: Path, workplace: Path) -> None:
    """A model trained in runs/mine went on in runs/later; the first one is in no folder any more."""
    later = write_corpus(workplace / "runs" / "later" / "corpus", "later")
    learned = [corpus_hash(workplace / "runs" / "mine" / "corpus"), corpus_hash(later)]
    further = write_bundle(workplace / "further", later, learned=learned)
    written = ["mine train 1", "mine validation 2", "mine test 3", "later train 4", "a new one"]
    source = write_tickets(workplace / "tickets.csv", written)
    found = given_test_messages(further, source, Columns(), None)
    assert texts(found.messages) == {"mine test 3", "a new one"}
    assert found.notes == ("3 of 5 messages are left out: this model learned them.",)
    assert texts(found.train) == {f"later train {i}" for i in range(10)}
    messages = [make_message(i, text=text) for i, text in enumerate(written)]
    (note,) = known_to_others(messages, further)
    assert note.startswith("3 of these messages were learned by the old model")
    (workplace / "runs" / "mine").rename(workplace / "elsewhere")
    found = given_test_messages(further, source, Columns(), None)
    assert texts(found.messages) == set(written) - {"later train 4"}
    assert found.notes[0] == "1 of 5 messages are left out: this model learned them."
    (missing,) = found.notes[1:]
    assert "are not to be found" in missing
    assert learned[0][:12] in missing
    missing, count = known_to_others(messages, further)
    assert "are not to be found" in missing
    assert count.startswith("1 of these messages were learned by the old model")


def test_a_corpus_of_the_project_that_is_not_here_is_said(workplace: Path, corpus: Path) -> None:
    released = write_bundle(workplace / "earlier", corpus, origin="project")
    source = write_tickets(workplace / "tickets.csv", ["project train 1", "a new one"])
    (workplace / "data" / "train" / "en.jsonl").unlink()
    found = given_test_messages(released, source, Columns(), None)
    assert len(found.messages) == 2
    (note,) = found.notes
    assert "are not to be found" in note


def test_who_else_knows_the_messages_is_said(bundle: Path, workplace: Path, corpus: Path) -> None:
    messages = [
        make_message(i, text=text) for i, text in enumerate(["a new one", "mine train 1", "Mine train 2"])
    ]
    project = make_message(9, text="project validation 3")
    assert list(known_to_others(messages, None)) == []
    assert list(known_to_others([*messages, project], None)) == [
        "1 of these messages are in the project's corpus: the released model knows them."
    ]
    assert list(known_to_others(messages, bundle)) == [
        "2 of these messages were learned by the old model: it looks better than it is."
    ]
    released = write_bundle(workplace / "earlier", corpus, origin="project")
    assert list(known_to_others(messages, released)) == []
    (workplace / "runs").rename(workplace / "elsewhere")
    (note,) = known_to_others(messages, bundle)
    assert note.startswith("The training messages of the old model are not to be found")
