"""The input files: which they are, of which format, and what tells that they changed."""

from __future__ import annotations

import glob
import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal
from urllib.parse import unquote

from escalate.errors import ScoringError
from escalate.scoring.values import readable

Format = Literal["csv", "json", "parquet"]
Compression = Literal["gzip", "zstd"]

_FORMATS: Final[Mapping[str, Format]] = {
    ".csv": "csv",
    ".tsv": "csv",
    ".tab": "csv",
    ".txt": "csv",
    ".jsonl": "json",
    ".ndjson": "json",
    ".json": "json",
    ".parquet": "parquet",
    ".pq": "parquet",
}
_COMPRESSIONS: Final[Mapping[str, Compression]] = {".gz": "gzip", ".zst": "zstd"}
_TAB_ENDINGS: Final = (".tsv", ".tab")
_NULL_PARTITION: Final = "__HIVE_DEFAULT_PARTITION__"


@dataclass(frozen=True)
class TableFile:
    """A file that is read or written, as its name describes it.

    Attributes:
        path: Where it is.
        name: Its path inside the input, as errors and the journal name it.
        format: What its ending says.
        compression: What the ending after that says, if there is one.
        tabs: True where the ending says that tabs part the columns.
        partitions: Columns told by folders ``name=value`` (Hive style); None for the null partition.
    """

    path: Path
    name: str
    format: Format
    compression: Compression | None
    tabs: bool
    partitions: Mapping[str, str | None]


def describe_file(path: Path, root: Path | None = None) -> TableFile:
    """Return what a file's name says of it.

    Args:
        path: The file; it need not exist.
        root: The folder that was named as input, whose inner folders may hold partitions.

    Raises:
        ScoringError: No known format has this ending.
    """
    endings = [suffix.lower() for suffix in path.suffixes]
    compression = _COMPRESSIONS.get(endings[-1]) if endings else None
    ending = endings[-2 if compression else -1] if len(endings) > bool(compression) else ""
    if ending not in _FORMATS:
        raise ScoringError(
            f"{path} has no ending of a known format; known are {', '.join(_FORMATS)}, "
            f"and {' or '.join(_COMPRESSIONS)} after them"
        )
    if compression and _FORMATS[ending] == "parquet":
        raise ScoringError(
            f"{path}: Parquet is compressed inside; unpack the file, or drop the second ending"
        )
    inner = path.relative_to(root) if root else Path(path.name)
    return TableFile(
        path, inner.as_posix(), _FORMATS[ending], compression, ending in _TAB_ENDINGS, _partitions(inner)
    )


def parts_folder(output: Path) -> Path:
    """Return the folder beside an output that holds its parts while it is not whole."""
    return output.with_name(f"{output.name}.parts")


def find_files(source: str, ignored: Path) -> list[TableFile]:
    """Return the input files in the order of their names, all of one format.

    Args:
        source: A file, a folder (searched to the bottom, without names that begin with ``_`` or
            ``.`` and without files of other endings) or a glob pattern.
        ignored: A folder whose files are no input, though a pattern may fit them.

    Raises:
        ScoringError: There is no such file, one cannot be reached, or the files differ in format.
    """
    try:
        found = _described(source, ignored)
    except OSError as error:
        raise ScoringError(f"cannot read {error.filename or source}: {error.strerror}") from error
    if not found:
        raise ScoringError(f"there is nothing to read at {source}; name a file, a folder or a pattern")
    for file in found:
        if file.format != found[0].format:
            raise ScoringError(
                f"{source} holds {found[0].path} and {file.path}, which differ in format; "
                "score each format on its own, for example with a pattern"
            )
    return found


def _described(source: str, ignored: Path) -> list[TableFile]:
    path = Path(source)
    if path.is_file():
        return [describe_file(path)]
    if path.is_dir():
        return [describe_file(inner, path) for inner in sorted(path.rglob("*")) if _is_data(inner, path)]
    root = _fixed_part(path)
    # A set, because a pattern with ** can find a file more than once.
    names = sorted({Path(name) for name in glob.glob(source, recursive=True)})  # noqa: PTH207
    own = ignored.resolve()
    files = (name for name in names if name.is_file() and own not in name.resolve().parents)
    return [describe_file(name, root) for name in files]


def fingerprint(file: TableFile) -> str:
    """Read a file once and return what identifies its content: its size and SHA-256.

    Raises:
        ScoringError: The file cannot be read.
    """
    try:
        return f"{file.path.stat().st_size} bytes with SHA-256 {file_sha256(file.path)}"
    except OSError as error:
        raise ScoringError(f"cannot read {file.path}: {error.strerror}") from error


def stamp(file: TableFile) -> tuple[int, int]:
    """Return size and time of change of a file, which tell at once whether it was written to.

    Raises:
        ScoringError: The file is gone.
    """
    try:
        status = file.path.stat()
    except OSError as error:
        raise ScoringError(f"cannot read {file.path}: {error.strerror}") from error
    return status.st_size, status.st_mtime_ns


def file_sha256(path: Path) -> str:
    """Return the SHA-256 of a file as 64 hexadecimal digits, in flat memory."""
    digest = hashlib.sha256()
    with path.open("rb") as stream:
        while data := stream.read(1 << 20):
            digest.update(data)
    return digest.hexdigest()


def _is_data(path: Path, root: Path) -> bool:
    inner = path.relative_to(root)
    if any(part.startswith(("_", ".")) for part in inner.parts) or not path.is_file():
        return False
    endings = [suffix.lower() for suffix in path.suffixes]
    if endings and endings[-1] in _COMPRESSIONS:
        endings.pop()
    return bool(endings) and endings[-1] in _FORMATS


def _fixed_part(pattern: Path) -> Path:
    """Return the folders of a pattern before the first with a wildcard."""
    fixed = []
    for part in pattern.parent.parts:
        if glob.has_magic(part):
            break
        fixed.append(part)
    return Path(*fixed)


def _partitions(inner: Path) -> dict[str, str | None]:
    return dict(_pairs(inner))


def _pairs(inner: Path) -> Iterator[tuple[str, str | None]]:
    for part in inner.parent.parts:
        name, equals, value = part.partition("=")
        if equals and name:
            yield readable(unquote(name)), None if value == _NULL_PARTITION else readable(unquote(value))
