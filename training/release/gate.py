"""The release gate: a candidate ships only where it is not worse than the released model."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Final

import numpy as np
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from rich.text import Text

from escalate import Classifier
from escalate.bundle import LANGUAGE_CLASSES, MANIFEST, released_bundle
from escalate.errors import BundleError
from escalate.policy import OUTPUTS
from training.corpus.messages import Message
from training.errors import ReleaseError
from training.evaluation.answers import Answers, answer
from training.evaluation.slices import outcomes_of
from training.files import replace_folder
from training.formatting import OUTPUT_NAMES, isolated
from training.printing import say
from training.release.changelog import CHANGELOG, add_entry, changelog_entry, has_entry, read_changelog
from training.release.comparison import FALSE_LOSSES, RANKING, Comparison, Difference, compare
from training.release.references import check_references, reference_texts, write_references
from training.release.samples import Sample

_VERSION: Final = re.compile(r"\w[\w.+-]*")
_SHOWN_MESSAGES: Final = 20
_SHOWN_CHARACTERS: Final = 100


@dataclass(frozen=True)
class Trial:
    """A candidate that was measured beside the released model.

    Attributes:
        folder: Bundle of the candidate.
        classifier: The candidate.
        sample: What both were measured on.
        answers: What it answers about these messages.
        released: Version of the released model, or None where nothing was compared.
        obstacle: Why nothing was compared, or None.
        comparison: The comparison, empty where nothing was compared.
    """

    folder: Path
    classifier: Classifier
    sample: Sample
    answers: Answers
    released: str | None
    obstacle: str | None
    comparison: Comparison


def try_candidate(candidate: Path, sample: Sample, against: Path | None = None) -> Trial:
    """Measure a candidate and the released model on the same messages.

    Args:
        candidate: Bundle of the candidate.
        sample: The messages.
        against: Bundle to compare with, or None for the released one.

    Raises:
        BundleError: The candidate cannot be loaded.
    """
    classifier = Classifier.load(candidate)
    answers = answer(classifier, sample.messages)
    comparison, version, obstacle = Comparison(), None, None
    try:
        released = _load_released(candidate, against)
        if not sample.messages:
            raise _NothingToCompareError(f"{sample.name} is empty; name another with --corpus or --data")
        others = answer(released, sample.messages)
        found = compare(answers, others, judge_language=sample.judge_language)
        # The language is known of every message, so it alone says nothing of what the model is for.
        if not any(difference.name in OUTPUTS for difference in found.differences):
            raise _NothingToCompareError(
                f"{sample.name} has too few labelled messages; name another with --corpus or --data"
            )
        comparison, version = found, released.version
    except (BundleError, _NothingToCompareError) as error:
        obstacle = str(error)
    return Trial(candidate, classifier, sample, answers, version, obstacle, comparison)


class _NothingToCompareError(Exception):
    pass


def _load_released(candidate: Path, against: Path | None) -> Classifier:
    folder = against or released_bundle()
    if folder.resolve() == candidate.resolve():
        raise _NothingToCompareError(
            f"{candidate} is the released model itself; name an earlier one with --against"
        )
    return Classifier.load(folder)


def refuse_worse(trial: Trial, *, first: bool, accept_losses: bool) -> None:
    """Stop at a candidate that does not pass.

    Args:
        trial: The measured candidate.
        first: Let it pass also where there was nothing to compare with.
        accept_losses: Let it pass in spite of losses.

    Raises:
        ReleaseError: There was nothing to compare with, or the candidate is worse.
    """
    if trial.obstacle is not None and not first:
        raise ReleaseError(
            f"nothing to compare {trial.folder} with: {trial.obstacle}; "
            "release it without a comparison with --first"
        )
    if trial.comparison.guessed and not accept_losses:
        raise ReleaseError(
            f"{trial.folder} tells {', '.join(trial.comparison.guessed)} no better than chance on "
            f"{trial.sample.name}: check the labels and train again, or release it all the same with "
            "--accept-losses"
        )
    if trial.comparison.losses and not accept_losses:
        raise ReleaseError(
            f"{trial.folder} is worse than {trial.released} in {len(trial.comparison.losses)} of "
            f"{len(trial.comparison.differences)} comparisons: train again, "
            "or release it all the same with --accept-losses"
        )


def publish(trial: Trial, models: Path, day: date, *, first: bool, accept_losses: bool) -> Path:
    """Copy a candidate that passes into the folder of models, with reference answers and changelog.

    Args:
        trial: The measured candidate.
        models: Folder of the released models.
        day: Day of the release.
        first: Release also where there was nothing to compare with.
        accept_losses: Release in spite of losses; the changelog lists them.

    Returns:
        The folder of the released bundle.

    Raises:
        ReleaseError: There was nothing to compare with, the candidate is worse, or its version is
            released already.
    """
    refuse_worse(trial, first=first, accept_losses=accept_losses)
    folder = models / trial.classifier.version
    _refuse_released(trial, folder)
    entry = changelog_entry(
        trial.classifier.manifest,
        day,
        trial.sample.recorded,
        _measured(trial.answers),
        trial.released,
        trial.comparison,
    )
    in_place = folder.resolve() == trial.folder.resolve()
    whole = folder if in_place else _copy(trial.folder, folder.with_name(folder.name + ".part"))
    write_references(trial.classifier, reference_texts(trial.answers, trial.classifier.policy), whole)
    if differences := check_references(Classifier.load(whole), whole):
        raise ReleaseError(
            "the copy answers otherwise than the candidate; this should not happen, report it:\n"
            + "\n".join(differences)
        )
    if not in_place:
        replace_folder(whole, folder)
    add_entry(models, entry)
    return folder


def refuse_version(version: str) -> None:
    """Stop at a version that cannot name a folder.

    Raises:
        ReleaseError: It cannot.
    """
    if not _VERSION.fullmatch(version):
        raise ReleaseError(
            f"the version {version!r} cannot name a folder: give the model another with --version"
        )


def _refuse_released(trial: Trial, folder: Path) -> None:
    version = trial.classifier.version
    refuse_version(version)
    # A folder with the same manifest and no entry in the changelog is a release that was cut short.
    same = folder.exists() and _manifest(folder) == _manifest(trial.folder)
    if has_entry(read_changelog(folder.parent), version) or (folder.exists() and not same):
        raise ReleaseError(
            f"{version} is released already ({folder}, {folder.parent / CHANGELOG}): "
            "export the candidate under another version with --version"
        )


def _manifest(folder: Path) -> bytes | None:
    path = folder / MANIFEST
    return path.read_bytes() if path.is_file() else None


def _copy(source: Path, target: Path) -> Path:
    if target.exists():
        shutil.rmtree(target)
    shutil.copytree(source, target)
    return target


def _measured(answers: Answers) -> dict[str, dict[str, float]]:
    """Return the leading measure per language of every output and of the language."""
    languages = np.array([message.language for message in answers.messages])
    result: dict[str, dict[str, float]] = {}
    for name, (measure, found) in outcomes_of(answers).items():
        for language in LANGUAGE_CLASSES:
            if (languages == language).any():
                value = float(measure(found[languages == language].sum(0)))
                result.setdefault(language, {})[name] = value
    return result


def show(trial: Trial, console: Console) -> None:
    """Print how a candidate does beside the released model, and the messages it got worse on."""
    for note in trial.sample.notes:
        say(console, note, "yellow")
    if trial.obstacle is not None:
        return
    comparison = trial.comparison
    rest = [d for d in (*comparison.rankings, *comparison.slices) if d.lost]
    console.print(_table(trial, [*comparison.whole, *rest]))
    console.print(
        f"{len(comparison.differences)} comparisons, {len(comparison.losses)} losses at a rate of false ones "
        f"of {FALSE_LOSSES:.0%} among decisions as a whole, among rankings ({RANKING}) and among slices; "
        f"{comparison.too_small} were about too few messages.",
        soft_wrap=True,
    )
    for (whose, name), rows in _worse(comparison.losses).items():
        console.print(f"\n{whose}: {name}: {len(rows)} messages got worse", style="bold", soft_wrap=True)
        for line in _shortened([trial.answers.messages[row] for row in rows]):
            console.print(line, soft_wrap=True)


def _table(trial: Trial, differences: Sequence[Difference]) -> Table:
    table = Table(
        title=f"{trial.classifier.version} beside {trial.released}: macro-F1, for the language accuracy",
        title_justify="left",
        box=SIMPLE_HEAD,
        padding=0,
        pad_edge=False,
        collapse_padding=True,
    )
    table.add_column("slice")
    table.add_column("")
    for heading in ("messages", "released → candidate", "difference (95 % interval)"):
        table.add_column(heading, justify="right", no_wrap=heading != "released → candidate")
    for difference in differences:
        change = difference.change
        table.add_row(
            difference.where,
            OUTPUT_NAMES.get(difference.name, difference.name)
            + (f" ({RANKING})" if difference.measure == RANKING else ""),
            str(difference.messages),
            f"{difference.released:.3f} → {difference.candidate:.3f}",
            f"{change.value:+.3f} ({change.low:+.3f} … {change.high:+.3f})",
            style="bold red" if difference.lost else "",
        )
    return table


def _worse(losses: Sequence[Difference]) -> dict[tuple[str, str], list[int]]:
    """Return the rows of the messages that got worse, where any did, once for each language and output."""
    rows: dict[tuple[str, str], dict[int, None]] = {}
    for loss in losses:
        rows.setdefault((loss.whose, loss.name), {}).update(dict.fromkeys(loss.worse))
    return {key: list(own) for key, own in rows.items() if own}


def _shortened(messages: Sequence[Message]) -> Iterator[Text]:
    for message in messages[:_SHOWN_MESSAGES]:
        text = " ".join(message.text.split())
        if len(text) > _SHOWN_CHARACTERS:
            text = text[: _SHOWN_CHARACTERS - 1] + "…"
        yield Text(f"  {message.id}  {isolated(text)}")
    if len(messages) > _SHOWN_MESSAGES:
        yield Text(f"  … and {len(messages) - _SHOWN_MESSAGES} more")
