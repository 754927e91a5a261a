from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from training.__main__ import app
from training.errors import FileError
from training.files import whole_file, whole_folder, write_whole


def test_a_text_takes_the_place_of_an_older_one(tmp_path: Path) -> None:
    path = tmp_path / "report.md"
    for text in ("old\n", "žluť\nחדש\n"):
        write_whole(path, text)
    assert path.read_bytes() == "žluť\nחדש\n".encode()
    assert [found.name for found in tmp_path.iterdir()] == ["report.md"]


@pytest.mark.parametrize(
    ("error", "raised", "told"),
    [
        (RuntimeError("failed"), RuntimeError, "failed"),
        (OSError(28, "no space"), FileError, r"cannot write .*report\.md: no space"),
    ],
)
def test_an_older_file_stays_whole_where_the_new_one_fails(
    error: Exception, raised: type[Exception], told: str, tmp_path: Path
) -> None:
    path = tmp_path / "report.md"
    write_whole(path, "old")

    def fail() -> None:
        with whole_file(path) as temporary:
            temporary.write_text("half")
            assert path.read_text() == "old"
            raise error

    with pytest.raises(raised, match=told):
        fail()
    assert path.read_text() == "old"
    assert [found.name for found in tmp_path.iterdir()] == ["report.md"]


def test_an_older_text_stays_whole_where_the_new_one_cannot_be_encoded(tmp_path: Path) -> None:
    path = tmp_path / "report.md"
    write_whole(path, "old")
    with pytest.raises(UnicodeEncodeError):
        write_whole(path, "half \ud800")
    assert path.read_text() == "old"
    assert [found.name for found in tmp_path.iterdir()] == ["report.md"]


def test_an_older_file_stays_where_the_new_one_cannot_take_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "report.md"
    write_whole(path, "old")

    def refuse(source: Path, target: Path) -> Path:
        raise OSError(13, "in use")

    monkeypatch.setattr(Path, "replace", refuse)
    with pytest.raises(FileError, match="in use"):
        write_whole(path, "new")
    assert path.read_text() == "old"
    assert [found.name for found in tmp_path.iterdir()] == ["report.md"]


def test_a_file_in_a_folder_that_is_not_there_cannot_be_written(tmp_path: Path) -> None:
    with pytest.raises(FileError, match="cannot write"):
        write_whole(tmp_path / "missing" / "report.md", "new")
    assert list(tmp_path.iterdir()) == []


COMMANDS = {
    "label-errors": ("label-errors", "none.csv", "--out"),
    "thresholds": ("thresholds", "--data", "none.csv", "--recall", "0.9", "--out"),
    "validate": ("validate", "none.csv", "--json"),
}


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize(
    ("out", "told"),
    [
        ("missing/out", "there is no folder {}/missing; make it first"),
        ("file/out", "{}/file is a file"),
    ],
)
def test_a_place_that_cannot_be_written_is_told_before_anything_is_read(
    command: str, out: str, told: str, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("old")
    result = CliRunner().invoke(app, [*COMMANDS[command], str(tmp_path / out)])
    assert result.exit_code == 1
    assert f"training: cannot write {tmp_path / out}: {told.format(tmp_path)}" in result.output
    assert "none.csv" not in result.output
    assert [found.name for found in tmp_path.iterdir()] == ["file"]


def test_a_policy_is_not_written_in_place_of_a_folder(tmp_path: Path) -> None:
    result = CliRunner().invoke(app, [*COMMANDS["thresholds"], str(tmp_path)])
    assert result.exit_code == 1
    assert f"cannot write {tmp_path}: it is a folder; name a file in it" in result.output


def test_a_folder_takes_the_place_of_an_older_one(tmp_path: Path) -> None:
    path = tmp_path / "model"
    for text in ("old", "new"):
        with whole_folder(path) as temporary:
            (temporary / "file").write_text(text)
    assert (path / "file").read_text() == "new"
    assert [found.name for found in tmp_path.iterdir()] == ["model"]


def test_an_older_folder_stays_whole_where_the_new_one_fails(tmp_path: Path) -> None:
    path = tmp_path / "model"
    with whole_folder(path) as temporary:
        (temporary / "file").write_text("old")

    def fail() -> None:
        with whole_folder(path) as temporary:
            (temporary / "file").write_text("half")
            raise RuntimeError("failed")

    with pytest.raises(RuntimeError, match="failed"):
        fail()
    assert (path / "file").read_text() == "old"
    assert [found.name for found in tmp_path.iterdir()] == ["model"]


def test_a_folder_is_never_half_deleted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever is cut off while the old folder is deleted has the new one already."""
    path = tmp_path / "model"
    with whole_folder(path) as temporary:
        (temporary / "file").write_text("old")
    delete = shutil.rmtree

    def cut(folder: Path, **options: Any) -> None:
        if (folder / "file").is_file():
            raise OSError(5, "cut off")
        delete(folder, **options)

    monkeypatch.setattr(shutil, "rmtree", cut)
    with pytest.raises(FileError, match="cut off"), whole_folder(path) as temporary:
        (temporary / "file").write_text("new")
    assert (path / "file").read_text() == "new"


def test_an_older_folder_has_its_name_back_where_the_new_one_cannot_take_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "model"
    with whole_folder(path) as temporary:
        (temporary / "file").write_text("old")
    rename = Path.rename

    def refuse(source: Path, target: Path) -> Path:
        if (source / "file").read_text() == "new":
            raise OSError(13, "in use")
        return rename(source, target)

    monkeypatch.setattr(Path, "rename", refuse)
    with pytest.raises(FileError, match="in use"), whole_folder(path) as temporary:
        (temporary / "file").write_text("new")
    assert (path / "file").read_text() == "old"
    assert [found.name for found in tmp_path.iterdir()] == ["model"]
