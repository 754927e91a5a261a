"""The plan of a retraining: everything it depends on, and how a run folder is bound to it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Final

from escalate.bundle import read_manifest, released_bundle
from escalate.text import NORMALISER_VERSION
from training.corpus.messages import corpus_hash
from training.errors import RunError
from training.files import make_folder, write_whole
from training.fitting.recipe import Recipe, StageSettings
from training.git import git_commit
from training.tickets.columns import Columns

RECORD: Final = "retraining.json"

RELEASED: Final = "released"
BASE: Final = "base"

SEED: Final = 1
"""Default seed."""

OWN_SHARE: Final = 0.5
"""Default share of own messages in what is learned."""

EPOCHS: Final = 6
"""Default number of passes over few own messages, if early stopping does not end them before."""

ENOUGH: Final = 60_000
"""By default own messages are learned in as many passes, one at least, as make no more than so many."""

_SHARE_OF_RATE: Final = 0.5
"""Learning rate beside the recipe's where a trained model goes on: its heads need no long way."""

_DROPOUT: Final = 0.1
"""Own messages are few and seen in one view: nothing else regularises, as the recipe's two views do."""

_LARGEST_SEED: Final = 2**32 - 1


@dataclass(frozen=True)
class Plan:
    """Everything a retraining depends on.

    Attributes:
        source: The tickets: a file, a folder or a hub id.
        columns: Which column of them holds what.
        corpus: The corpus that is mixed in.
        start: ``released``, ``base``, or the folder of a bundle.
        own_share: Share of own messages in what is learned, above 0 to 1 (1 mixes nothing in).
        epochs: Passes over the own messages, or None for as many as their number asks for.
        split: ``group``, ``time``, ``random``, or None to choose.
        seed: Seed of the split, the mixture and the training, from 0 to 2**32 - 1.
        recipe: The base encoder, the settings of a teacher, window and policy.

    Raises:
        RunError: The source is empty, or a number is outside its range.
    """

    source: str
    columns: Columns
    corpus: Path
    start: str
    own_share: float
    epochs: int | None
    split: str | None
    seed: int
    recipe: Recipe

    def __post_init__(self) -> None:
        if not self.source:
            raise RunError("--data is empty; name a file, a folder or a hub id")
        if not 0 < self.own_share <= 1:
            raise RunError(f"--own-share is {self.own_share}; it must be above 0 and at most 1")
        if self.epochs is not None and self.epochs < 1:
            raise RunError(f"--epochs is {self.epochs}; it must be 1 or more")
        if not 0 <= self.seed <= _LARGEST_SEED:
            raise RunError(f"--seed is {self.seed}; it must be from 0 to {_LARGEST_SEED}")

    @property
    def start_bundle(self) -> Path | None:
        """Folder of the bundle to start from, or None for the base encoder."""
        if self.start == BASE:
            return None
        return released_bundle() if self.start == RELEASED else Path(self.start)

    def passes(self, messages: int) -> int:
        """Return how often so many own messages are learned."""
        return self.epochs or min(EPOCHS, max(1, ENOUGH // max(1, messages)))

    def settings(self, layers: int, messages: int) -> StageSettings:
        """Return the settings of the training of a network with so many layers on so many own messages."""
        teacher = self.recipe.teacher
        return replace(
            teacher,
            layers=tuple(range(layers)),
            copies=self.passes(messages),
            # As many texts a step as the recipe reads: it sees every message in two views.
            batch_size=2 * teacher.batch_size,
            learning_rate=teacher.learning_rate * (1 if self.start == BASE else _SHARE_OF_RATE),
            dropout=_DROPOUT,
        )

    @property
    def student(self) -> StageSettings:
        """The settings with which the student of a start that answers early follows its teacher."""
        student = self.recipe.student
        return replace(student, learning_rate=student.learning_rate * _SHARE_OF_RATE)

    def to_dict(self, layers: int, messages: int) -> dict[str, Any]:
        """Return, as JSON-ready data, how a network with so many layers learned so many own messages."""
        return {
            "start": self.start if self.start in (RELEASED, BASE) else "bundle",
            "own_share": self.own_share,
            "seed": self.seed,
            "offer_recall": self.recipe.offer_recall,
            "escalate_precision": self.recipe.escalate_precision,
            "training": asdict(self.settings(layers, messages)),
        }


@dataclass(frozen=True)
class Record:
    """What a retraining was started with.

    Attributes:
        facts: By the name under which a user knows it, everything that changes the result.
        commit: Commit of the checkout.
    """

    facts: Mapping[str, Any]
    commit: str


def find_record(plan: Plan, folder: Path) -> Record:
    """Return what a run folder was begun with, or would be; nothing is written.

    Raises:
        BundleError: The bundle to start from cannot be read.
        CorpusError: The corpus cannot be read.
        RunError: The folder was begun with another plan, and the error says what differs; it holds
            something else; its record is damaged; or the tickets cannot be read.
    """
    path = folder / RECORD
    if not path.is_file():
        if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
            raise RunError(
                f"{folder} holds something else than a training on own tickets; choose another --run folder"
            )
        return Record(_facts(plan), git_commit())
    facts = _facts(plan)
    try:
        found = Record(**json.loads(path.read_text(encoding="utf-8")))
        changed = [name for name in facts if found.facts[name] != facts[name]]
    except (KeyError, TypeError, ValueError, OSError) as error:
        raise RunError(f"{path} is damaged ({error!r}); delete {folder} and train again") from error
    if changed:
        raise RunError(
            f"{folder} was begun with other {', '.join(changed)}; repeat the command as it was to go on, "
            "choose another --run folder, or delete this one to begin anew"
        )
    return found


def write_record(record: Record, folder: Path) -> None:
    """Bind a run folder to what it is begun with.

    Raises:
        FileError: It cannot be written.
    """
    make_folder(folder)
    write_whole(folder / RECORD, json.dumps(asdict(record), indent=2, ensure_ascii=False) + "\n")


def _facts(plan: Plan) -> dict[str, Any]:
    """Return everything that changes the result, as it reads after it was written as JSON."""
    start = plan.start_bundle
    facts = {
        "data": source_hash(plan.source),
        "columns": asdict(plan.columns),
        "--corpus": corpus_hash(plan.corpus),
        "--start": BASE if start is None else read_manifest(start)["checksum"],
        "--own-share": plan.own_share,
        "--epochs": plan.epochs,
        "--split": plan.split,
        "--seed": plan.seed,
        "--recipe": plan.recipe.to_dict(),
        "text normaliser": NORMALISER_VERSION,
    }
    plain: dict[str, Any] = json.loads(json.dumps(facts))
    return plain


def source_hash(source: str) -> str:
    """Return the SHA-256 of the bytes of a file, or of all files of a folder; a hub id is its own.

    Raises:
        RunError: The file or folder cannot be read.
    """
    path = Path(source)
    if not path.exists():
        return source
    digest = hashlib.sha256()
    try:
        for file in [path] if path.is_file() else sorted(p for p in path.rglob("*") if p.is_file()):
            digest.update(f"{file.relative_to(path).as_posix()}\n".encode())
            with file.open("rb") as stream:
                while block := stream.read(1 << 20):
                    digest.update(block)
    except OSError as error:
        raise RunError(f"cannot read {source}: {error.strerror}") from error
    return digest.hexdigest()
