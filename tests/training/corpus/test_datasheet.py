from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from typer.testing import CliRunner

from training.__main__ import app
from training.corpus.datasheet import BEGIN, END, tables, write_datasheet
from training.corpus.messages import (
    SPLITS,
    Message,
    read_split,
    write_messages,
)
from training.errors import CorpusError

_README = f"# The corpus\n\nProse.\n\n{BEGIN}\nold\n{END}\n\nMore prose.\n"


@pytest.fixture
def corpus(tiny_corpus: Path, tmp_path: Path) -> Path:
    folder = tmp_path / "corpus"
    shutil.copytree(tiny_corpus, folder)
    (folder / "README.md").write_text(_README, encoding="utf-8")
    return folder


def test_tables_and_figure_are_written(corpus: Path) -> None:
    result = CliRunner().invoke(app, ["datasheet", str(corpus)])
    assert result.exit_code == 0, result.output
    text = (corpus / "README.md").read_text(encoding="utf-8")
    assert text.startswith("# The corpus\n\nProse.\n\n")
    assert text.endswith(f"{END}\n\nMore prose.\n")
    assert "old" not in text
    assert "Hebrew" in text
    assert (corpus / "balance.png").read_bytes().startswith(b"\x89PNG")
    assert {path.name for path in corpus.iterdir()} == {"README.md", "balance.png", *SPLITS}


def test_writing_again_changes_nothing(corpus: Path) -> None:
    write_datasheet(corpus)
    first = [(corpus / name).read_bytes() for name in ("README.md", "balance.png")]
    write_datasheet(corpus)
    assert [(corpus / name).read_bytes() for name in ("README.md", "balance.png")] == first


@pytest.mark.parametrize(
    "readme",
    [
        "# The corpus\n",
        f"{BEGIN}\n",
        f"{END}\n",
        f"{END}\n{BEGIN}\n",
        f"{BEGIN}\n{BEGIN}\n{END}\n",
        f"{BEGIN}\n{END}\n{END}\n",
    ],
)
def test_a_readme_without_the_markers_is_an_error(readme: str, corpus: Path) -> None:
    (corpus / "README.md").write_text(readme, encoding="utf-8")
    result = CliRunner().invoke(app, ["datasheet", str(corpus)], env={"COLUMNS": "200"})
    assert result.exit_code == 1
    assert f"needs the line {BEGIN} and, below it, the line {END}" in result.output
    assert (corpus / "README.md").read_text(encoding="utf-8") == readme
    assert not (corpus / "balance.png").exists()


def test_a_missing_readme_is_an_error(corpus: Path) -> None:
    (corpus / "README.md").unlink()
    with pytest.raises(CorpusError, match=r"cannot read .*README\.md: No such file or directory; write it"):
        write_datasheet(corpus)


def test_numbers_of_the_tables(corpus: Path) -> None:
    text = tables({split: read_split(corpus, split) for split in SPLITS})
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in text.splitlines()]
    assert ["Hebrew", "96", "96", "96", "288"] in rows
    assert ["all", "404", "404", "404", "1,212"] in rows
    assert ["Czech", "288", "25.0%", "25.0%", "25.0%", "25.0%", "50.0%"] in rows
    assert ["English", "0", "–", "–", "–"] in rows


def test_a_corpus_of_one_language_without_labels_has_a_datasheet(tmp_path: Path) -> None:
    for split in SPLITS:
        write_messages(tmp_path / split / "other.jsonl", [Message(split, "где посылка", "other")])
    (tmp_path / "README.md").write_text(_README, encoding="utf-8")
    write_datasheet(tmp_path)
    assert "| other" in (tmp_path / "README.md").read_text(encoding="utf-8")
