"""The files of a report: figures, numbers and text."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure

from training.drawing import save_figures
from training.files import write_whole


def write_report_files(
    folder: Path, name: str, text: str, numbers: Mapping[str, Any], figures: Mapping[str, Figure]
) -> Path:
    """Write a report, each file only when whole; other files in the folder stay.

    Args:
        folder: Where the files go; it is made where there is none.
        name: Name of the text without its ending, in capitals; the numbers have it in small letters.
        text: The report as Markdown.
        numbers: JSON-ready data of it, without NaN.
        figures: By file name.

    Returns:
        The file of the text.

    Raises:
        FileError: A file cannot be written.
    """
    save_figures(figures, folder)
    data = json.dumps(numbers, ensure_ascii=False, indent=2, allow_nan=False)
    write_whole(folder / f"{name.lower()}.json", data + "\n")
    path = folder / f"{name}.md"
    write_whole(path, text)
    return path
