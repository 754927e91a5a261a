from __future__ import annotations

import json
from pathlib import Path

import pytest

from training.corpus.messages import (
    FIELDS,
    LABELS,
    Message,
    corpus_hash,
    load_corpus,
    parse_message,
    read_messages,
    read_split,
    write_messages,
)
from training.errors import CorpusError

GOOD = {"id": "1", "text": "hello", "language": "en"}


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"text": None}, "text is None"),
        ({"text": "  "}, "text is empty"),
        ({"language": "xx"}, "language is 'xx'"),
        ({"complexity": 2}, "complexity is 2"),
        ({"complexity": "1"}, "complexity is '1'"),
        ({"complexity": True}, "complexity is True"),
        ({"negative_sentiment": 0.5}, r"negative_sentiment is 0\.5"),
        ({"domain": 3}, "domain is 3"),
        ({"colour": "red"}, "unknown field colour"),
    ],
)
def test_a_wrong_field_is_named(change: dict[str, object], reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        parse_message({**GOOD, **change})


def test_labels_may_be_missing() -> None:
    assert parse_message(GOOD).complexity is None
    assert parse_message({**GOOD, "complexity": 1}).label("complexity") == 1


def test_every_wrong_row_is_named(tmp_path: Path) -> None:
    path = tmp_path / "en.jsonl"
    rows = [json.dumps(GOOD).encode(), b"{", b"\xff", b"[]", json.dumps({"id": "2"}).encode()]
    path.write_bytes(b"\n".join(rows) + b"\n")
    with pytest.raises(CorpusError) as error:
        read_messages(path)
    for row, word in ((2, "not JSON"), (3, "not UTF-8"), (4, "not a JSON object"), (5, "lacks text")):
        assert f"row {row}: {word}" in str(error.value)
    assert "row 1:" not in str(error.value)


@pytest.mark.parametrize("field", [name for name in FIELDS if name not in LABELS])
def test_half_a_character_is_refused_with_its_row(field: str, tmp_path: Path) -> None:
    path = tmp_path / "en.jsonl"
    rows = [GOOD, {**GOOD, "text": "whole \U0001f600"}, {**GOOD, field: "cut short \ud83d"}]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    with pytest.raises(CorpusError) as error:
        read_messages(path)
    (told,) = str(error.value).splitlines()
    assert told.startswith(f"{path} row 3: {field} holds half a character, '\\ud83d' at position 10")


def test_what_is_written_is_read_back(tmp_path: Path) -> None:
    messages = [Message("1", "שורה\nשנייה \u2028", "he", 1, 0, None), Message("2", "x", "other")]
    write_messages(tmp_path / "he.jsonl", messages)
    assert read_messages(tmp_path / "he.jsonl") == messages
    assert [p.name for p in tmp_path.iterdir()] == ["he.jsonl"]


def test_a_missing_split_is_named(tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match="train"):
        read_split(tmp_path, "train")


def test_the_corpus_loads_as_datasets(tiny_corpus: Path) -> None:
    data = load_corpus(tiny_corpus)
    assert set(data) == {"train", "validation", "test"}
    assert len(data["test"]) == len(read_split(tiny_corpus, "test"))
    assert data["test"].features["complexity"].dtype == "int8"
    assert None in data["test"]["complexity"]


def test_the_hash_changes_with_the_data(tiny_corpus: Path, tmp_path: Path) -> None:
    for split in ("train", "validation", "test"):
        write_messages(tmp_path / split / "en.jsonl", read_messages(tiny_corpus / split / "en.jsonl"))
    before = corpus_hash(tmp_path)
    assert before != corpus_hash(tiny_corpus)
    with (tmp_path / "test" / "en.jsonl").open("a", encoding="utf-8") as file:
        file.write(json.dumps(GOOD) + "\n")
    assert corpus_hash(tmp_path) != before
