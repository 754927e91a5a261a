from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from training.__main__ import app
from training.corpus import splitting
from training.corpus.messages import SPLITS, Message, read_messages, read_split, write_messages
from training.corpus.splitting import components, split

BLOCKS = 10

Relations = tuple[int, int | None, int | None]


def make_messages(rows: list[Relations], blocks: int = 1) -> list[Message]:
    """Return a message for each group, pair and situation; none are shared by two of the blocks."""

    def name(i: int, relation: str, value: int | None) -> str | None:
        return None if value is None else f"{relation}{i % blocks}-{value}"

    return [
        Message(
            id=f"m{i}",
            text="hello",
            language="en",
            complexity=i % 2,
            negative_sentiment=i // 2 % 2,
            human_requested=0,
            channel="chat" if i % 3 else "review",
            group=name(i, "g", group),
            pair=name(i, "p", pair),
            situation=name(i, "s", situation),
        )
        for i, (group, pair, situation) in enumerate(rows)
    ]


def relations(highest: int) -> st.SearchStrategy[list[Relations]]:
    value = st.integers(0, highest)
    return st.lists(st.tuples(value, st.none() | value, st.none() | value), min_size=40, max_size=80)


messages = relations(20).map(make_messages)
in_blocks = relations(2).map(lambda rows: make_messages(rows, BLOCKS))
alone = make_messages([(0, 0, None)])


@settings(max_examples=15)
@given(in_blocks)
def test_messages_in_small_blocks_leave_no_split_empty(some: list[Message]) -> None:
    """Without this nothing could cross: relations at random join nearly all messages into one block."""
    assert all(split(some, seed=1, trials=20).values())


@settings(max_examples=30)
@example(alone)
@given(messages | in_blocks)
def test_nothing_related_crosses_and_nothing_is_lost(some: list[Message]) -> None:
    splits = split(some, seed=1, trials=20)
    assert sorted(m.id for part in splits.values() for m in part) == sorted(m.id for m in some)
    for kind in ("group", "pair", "situation"):
        places = [{getattr(m, kind) for m in part} - {None} for part in splits.values()]
        assert not places[0] & places[1]
        assert not places[0] & places[2]
        assert not places[1] & places[2]


@example(alone)
@given(messages | in_blocks)
def test_components_share_nothing(some: list[Message]) -> None:
    parts = components(some)
    for kind in ("group", "pair", "situation"):
        values = [{getattr(m, kind) for m in part} - {None} for part in parts]
        assert sum(map(len, values)) == len(set().union(*values))


def test_the_command_writes_a_corpus_with_even_shares(tmp_path: Path) -> None:
    some = [
        Message(f"m{i}", "hello", "en", i % 2, i // 2 % 2, 0, channel="chat", group=f"g{i // 10}")
        for i in range(400)
    ]
    write_messages(tmp_path / "all.jsonl", some)
    arguments = ["split", str(tmp_path / "all.jsonl"), "--out", str(tmp_path / "corpus")]
    assert CliRunner().invoke(app, arguments).exit_code == 0
    sizes = [len(read_split(tmp_path / "corpus", name)) for name in SPLITS]
    assert sizes == [320, 40, 40]
    groups = [{m.group for m in read_split(tmp_path / "corpus", name)} for name in SPLITS]
    assert [len(own) for own in groups] == [32, 4, 4]
    assert len(set().union(*groups)) == 40
    for name in SPLITS:
        part = read_messages(tmp_path / "corpus" / name / "en.jsonl")
        assert 0.4 <= sum(m.complexity or 0 for m in part) / len(part) <= 0.6
    assert CliRunner().invoke(app, arguments).exit_code == 1


def test_an_interrupted_split_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    some = [Message(f"m{i}", "hello", "en", i % 2, i // 2 % 2, 0, group=f"g{i}") for i in range(40)]
    write_messages(tmp_path / "all.jsonl", some)
    arguments = ["split", str(tmp_path / "all.jsonl"), "--out", str(tmp_path / "corpus")]

    def interrupt(path: Path, messages: list[Message]) -> None:
        write_messages(path, messages)
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(splitting, "write_messages", interrupt)
        assert CliRunner().invoke(app, arguments).exit_code == 1
    assert [path.name for path in tmp_path.iterdir()] == ["all.jsonl"]
    assert CliRunner().invoke(app, arguments).exit_code == 0


def test_too_few_groups_are_refused_before_anything_is_written(tmp_path: Path) -> None:
    some = [Message(f"m{i}", "hello", "en", i % 2, 0, 0, group=f"g{i // 20}") for i in range(100)]
    write_messages(tmp_path / "all.jsonl", some)
    result = CliRunner().invoke(
        app, ["split", str(tmp_path / "all.jsonl"), "--out", str(tmp_path / "corpus")]
    )
    assert result.exit_code == 1
    expected = "en: 100 messages in 5 groups leave validation and test empty"
    assert expected in " ".join(result.output.split())
    assert not (tmp_path / "corpus").exists()
