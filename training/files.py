"""Files that appear only when whole."""

from __future__ import annotations

import math
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from training.errors import FileError


@contextmanager
def whole_file(path: Path) -> Iterator[Path]:
    """Yield a temporary name that becomes ``path`` when the block ends without an error.

    Raises:
        FileError: The file cannot be written.
    """
    temporary = path.with_name(path.name + ".part")
    try:
        yield temporary
        temporary.replace(path)
    except OSError as error:
        raise FileError(f"cannot write {path}: {error.strerror}") from error
    finally:
        with suppress(OSError):
            temporary.unlink()


@contextmanager
def whole_folder(path: Path) -> Iterator[Path]:
    """Yield a new folder that takes the place of ``path`` when the block ends without an error.

    Raises:
        FileError: The folder or a file in it cannot be written.
    """
    temporary = path.with_name(path.name + ".part")
    try:
        shutil.rmtree(temporary, ignore_errors=True)
        temporary.mkdir(parents=True)
        yield temporary
        replace_folder(temporary, path)
    except OSError as error:
        raise FileError(f"cannot write {path}: {error.strerror}") from error
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def replace_folder(new: Path, path: Path) -> None:
    """Give ``new`` the name ``path``; a folder of that name is whole until then, and is deleted after.

    Raises:
        OSError: A folder cannot be renamed; the older one then has its name back.
    """
    old = path.with_name(path.name + ".old")
    shutil.rmtree(old, ignore_errors=True)
    if path.exists():
        path.rename(old)
    try:
        new.rename(path)
    except OSError:
        if old.exists():
            old.rename(path)
        raise
    shutil.rmtree(old, ignore_errors=True)


def make_folder(path: Path) -> None:
    """Make a folder, and those above it, where it is not there.

    Raises:
        FileError: It cannot be made.
    """
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise FileError(f"cannot write into {path}: {error.strerror}") from error


def refuse_unwritable(path: Path) -> None:
    """Stop before the work where its result could not be written.

    Args:
        path: The file that the result goes into.

    Raises:
        FileError: Its folder is not there or is none, or the file is a folder.
    """
    if not path.parent.exists():
        raise FileError(f"cannot write {path}: there is no folder {path.parent}; make it first")
    if not path.parent.is_dir():
        raise FileError(f"cannot write {path}: {path.parent} is a file; name another place")
    if path.is_dir():
        raise FileError(f"cannot write {path}: it is a folder; name a file in it")


def write_whole(path: Path, text: str) -> None:
    """Write a text as UTF-8.

    Raises:
        FileError: The file cannot be written.
    """
    with whole_file(path) as temporary:
        temporary.write_text(text, encoding="utf-8", newline="\n")


def without_nan(data: Any) -> Any:
    """Return JSON-ready data with None for every NaN, which JSON does not know."""
    if isinstance(data, Mapping):
        return {name: without_nan(value) for name, value in data.items()}
    if isinstance(data, list | tuple):
        return [without_nan(value) for value in data]
    return None if isinstance(data, float) and math.isnan(data) else data
