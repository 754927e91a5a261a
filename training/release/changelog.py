"""The changelog of the released models: what each measured and how it differs from the one before."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Any, Final

from escalate.bundle import LANGUAGE_CLASSES
from escalate.policy import OUTPUTS
from training.evaluation.slices import LANGUAGE
from training.files import write_whole
from training.formatting import LANGUAGE_NAMES, OUTPUT_NAMES, markdown_table, number
from training.release.comparison import Comparison

CHANGELOG: Final = "CHANGELOG.md"

_TITLE: Final = "# Models\n\nThe newest first; `python -m training release` writes the entries.\n"
_HEADING: Final = "\n## "


def read_changelog(models: Path) -> str:
    """Return the changelog of a folder of models, an empty one where there is none yet."""
    path = models / CHANGELOG
    return path.read_text(encoding="utf-8") if path.exists() else _TITLE


def has_entry(changelog: str, version: str) -> bool:
    """Tell whether a changelog has an entry of a version."""
    return f"{_HEADING}{version} (" in changelog


def add_entry(models: Path, entry: str) -> None:
    """Write an entry above the others."""
    text = read_changelog(models)
    head, heading, others = text.partition(_HEADING)
    write_whole(models / CHANGELOG, f"{head.rstrip()}\n\n{entry.rstrip()}\n{heading}{others}")


def changelog_entry(
    manifest: Mapping[str, Any],
    day: date,
    measured_on: str,
    values: Mapping[str, Mapping[str, float]],
    previous: str | None,
    comparison: Comparison,
) -> str:
    """Return the entry of a release.

    Args:
        manifest: Manifest of the released bundle.
        day: Day of the release.
        measured_on: What both models were measured on.
        values: By language, and by output or ``language``, what the released model measured.
        previous: Version of the model before, or None where nothing was compared.
        comparison: With the model before, losses among it.
    """
    data = manifest["data"]
    whole = {(d.language, d.name): d.change.value for d in comparison.whole}
    rows = [
        [
            LANGUAGE_NAMES[language],
            *(_cell(values[language], name, whole.get((language, name))) for name in (*OUTPUTS, LANGUAGE)),
        ]
        for language in LANGUAGE_CLASSES
        if language in values
    ]
    facts = [
        f"- Training data: {data['messages']['train']:,} messages, SHA-256 `{data['sha256']}`",
        f"- Commit: `{manifest['commit']}`",
        f"- Measured on {measured_on}",
    ]
    table = markdown_table(rows, ["", *OUTPUT_NAMES.values(), "language right"])
    compared = (
        f"Macro-F1 (language: accuracy); in brackets the difference to {previous} on the same messages.\n"
        "Test splits grow, so values of two sections cannot be compared."
        if previous is not None
        else "Macro-F1 (language: accuracy). Compared with no earlier model."
    )
    parts = [f"## {manifest['version']} ({day.isoformat()})", "\n".join(facts), compared]
    if rows:
        parts.append(table)
    accepted = [
        f"- {loss.where}: {loss.name} {loss.change.value:+.3f} in {loss.measure} "
        f"(95 % interval {loss.change.low:+.3f} to {loss.change.high:+.3f})"
        for loss in comparison.losses
    ]
    accepted += [f"- {output}: told no better than chance" for output in comparison.guessed]
    if accepted:
        parts += ["Losses that were accepted:", "\n".join(accepted)]
    return "\n\n".join(parts) + "\n"


def _cell(values: Mapping[str, float], name: str, difference: float | None) -> str:
    value = number(values.get(name))
    if difference is None:
        return value
    # Adding 0 turns -0.0 into 0.0.
    return f"{value} ({round(difference, 3) + 0:+.3f})"
