from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest

from training.errors import FileError
from training.files import whole_folder


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
