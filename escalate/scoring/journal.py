"""The journal of a run: which parts of the output are done, and what they were made from.

Beside an output ``tickets.csv`` an unfinished run has the folder ``tickets.csv.parts`` with the parts,
``journal.jsonl`` and ``lock``. A part and the journal's line for it are each on the disk before the next
step begins, so that a run can die at any moment. A line cut short, or a part that is not the one
that the journal names, ends what is taken as done.
"""

from __future__ import annotations

import json
import os
import re
from collections import deque
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Final

from filelock import FileLock, Timeout

from escalate.errors import ScoringError
from escalate.scoring.files import file_sha256, parts_folder
from escalate.scoring.tally import Tally

_FORMAT: Final = 1
_JOURNAL: Final = "journal.jsonl"
_UNFINISHED_JOURNAL: Final = f"{_JOURNAL}.tmp"
_LOCK: Final = "lock"
_WHOLE: Final = "whole.tmp"
_PART: Final = re.compile(r"part-\d{6,}\.\w+(\.tmp)?")

Binding = Mapping[str, Mapping[str, Any]]
"""What a run depends on, in sections (input, options, model, ...) of JSON-ready values by name."""


class Journal:
    """The finished parts of a run.

    Attributes:
        parts: The files of the finished parts, in their order.
        tally: The counts over their rows.
        written: True where the whole output has its name already, and only the clean-up is missing.
    """

    def __init__(self, folder: Path) -> None:
        """Take the folder of the run; ``start`` or ``resume`` come next."""
        self.folder = folder
        self.parts: list[Path] = []
        self.tally = Tally()
        self.written = False

    @property
    def exists(self) -> bool:
        """True where an unfinished run left its journal."""
        return self._path.is_file()

    @property
    def whole(self) -> Path:
        """Temporary name of the whole output."""
        return self.folder / _WHOLE

    def part_path(self, number: int, ending: str) -> Path:
        """Return the name of a part; numbers count from 0."""
        return self.folder / f"part-{number:06d}.{ending}"

    def start(self, binding: Binding) -> None:
        """Begin a new run; what another left goes.

        Raises:
            OSError: The journal cannot be written.
        """
        self.remove()
        with durable_file(self._path) as temporary:
            temporary.write_text(_line({"format": _FORMAT, "binding": binding}), encoding="utf-8")

    def resume(self, binding: Binding, output: Path) -> None:
        """Take up the unfinished run that writes ``output``.

        Raises:
            OSError: The journal or a part cannot be read.
            ScoringError: The run was made from something else; the error says what changed.
        """
        with self._path.open("rb") as stream:
            header = _parsed(stream.readline())
            if header is None or header.get("format") != _FORMAT:
                raise ScoringError(f"{self._path} is no journal of this version; start anew with --overwrite")
            if changes := list(_changes(header["binding"], binding)):
                raise ScoringError(
                    f"{self.folder} cannot be resumed, because these changed: {'; '.join(changes)}. "
                    "Change them back, or start anew with --overwrite"
                )
            end = stream.tell()
            # The clean-up may have deleted some parts: then what counts is the last line.
            last = _parsed(b"".join(deque(stream, maxlen=1))) or {}
            self.written = "whole" in last and output.is_file() and file_sha256(output) == last["whole"]
            stream.seek(end)
            while (entry := _parsed(stream.readline())) is not None and self._take(entry):
                end = stream.tell()
        os.truncate(self._path, end)

    def add_part(self, path: Path, tally: Tally) -> None:
        """Note a part that is on the disk, and the counts over its rows."""
        self._append({"part": path.name, "sha256": file_sha256(path), "tally": tally.to_dict()})
        self.parts.append(path)
        self.tally.add(tally)

    def finish(self, whole: Path) -> None:
        """Note what the whole output is, before it gets its name."""
        self._append({"whole": file_sha256(whole)})

    def remove(self) -> None:
        """Delete parts and journal, the journal last; files that no run makes stay."""
        for path in self.folder.iterdir():
            if path.name in (_WHOLE, _UNFINISHED_JOURNAL) or _PART.fullmatch(path.name):
                path.unlink()
        self._path.unlink(missing_ok=True)

    @property
    def _path(self) -> Path:
        return self.folder / _JOURNAL

    def _take(self, entry: Mapping[str, Any]) -> bool:
        """Take an entry over if what it says is still so."""
        if "whole" in entry:
            return True
        part = self.folder / entry["part"]
        if not self.written and not (part.is_file() and file_sha256(part) == entry["sha256"]):
            return False
        self.parts.append(part)
        self.tally.add(Tally.from_dict(entry["tally"]))
        return True

    def _append(self, entry: Mapping[str, Any]) -> None:
        with self._path.open("ab") as stream:
            stream.write(_line(entry).encode("utf-8"))
            stream.flush()
            os.fsync(stream.fileno())


@contextmanager
def locked_folder(output: Path) -> Iterator[Path]:
    """Yield the folder of the run that writes ``output``, which no other run can enter meanwhile.

    The lock goes with the process that holds it, however that ends. An emptied folder is removed.

    Raises:
        ScoringError: Another run is writing the output, the folder cannot be made, or it holds files
            but is that of no run.
    """
    folder = parts_folder(output)
    lock = FileLock(folder / _LOCK)
    try:
        folder.mkdir(exist_ok=True)
        _refuse_foreign(folder)
        lock.acquire(timeout=0)
    except Timeout as error:
        raise ScoringError(f"another run is writing {output}; wait until it ends, or stop it") from error
    except OSError as error:
        raise ScoringError(f"cannot write {folder}: {error.strerror}") from error
    try:
        yield folder
    finally:
        nothing_left = not any(path.name != _LOCK for path in folder.iterdir())
        if os.name != "posix":
            # Windows deletes no file that is open: first ours must be closed, and the lock that another
            # run takes from then on is safe.
            lock.release()
        if nothing_left:
            with suppress(OSError):
                (folder / _LOCK).unlink(missing_ok=True)
                folder.rmdir()
        # On POSIX unlinked while it was still held: no other run can hold this very file.
        lock.release()


@contextmanager
def durable_file(path: Path, temporary: Path | None = None) -> Iterator[Path]:
    """Yield a temporary name that becomes ``path`` once its content is on the disk.

    Args:
        path: The name that the file gets at the end.
        temporary: Another temporary name than ``path`` with ``.tmp``, on the same file system.

    Raises:
        OSError: The file cannot be written; nothing is left of it.
    """
    temporary = temporary or path.with_name(f"{path.name}.tmp")
    try:
        yield temporary
        with temporary.open("r+b") as stream:  # Windows syncs only what may be written
            os.fsync(stream.fileno())
        temporary.replace(path)
    finally:
        with suppress(OSError):
            temporary.unlink()
    if os.name == "posix":  # elsewhere a folder cannot be opened
        descriptor = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def _refuse_foreign(folder: Path) -> None:
    """Refuse a folder that has the name of a run's, but which no run made."""
    names = {path.name for path in folder.iterdir()}
    if _JOURNAL not in names and (foreign := sorted(names - {_LOCK, _UNFINISHED_JOURNAL})):
        raise ScoringError(
            f"{folder} is no folder of an unfinished run, but holds {foreign[0]}; "
            "move that folder away, or name another output"
        )


def _line(entry: Mapping[str, Any]) -> str:
    return json.dumps(entry) + "\n"


def _parsed(line: bytes) -> dict[str, Any] | None:
    """Return an entry, or None at the end or where a line was cut short."""
    if not line.endswith(b"\n"):
        return None
    try:
        entry = json.loads(line)
    except ValueError:
        return None
    return entry if isinstance(entry, dict) else None


def _changes(old: Binding, new: Binding) -> Iterator[str]:
    # Through JSON, as the old one went, so that a tuple equals a list.
    new = json.loads(json.dumps(new))
    for section in dict.fromkeys([*old, *new]):
        was, now = old.get(section, {}), new.get(section, {})
        for name in dict.fromkeys([*was, *now]):
            if name not in now:
                yield f"{section} {name} is gone"
            elif name not in was:
                yield f"{section} {name} is new"
            elif was[name] != now[name]:
                yield f"{section} {name} was {was[name]} and is {now[name]}"
