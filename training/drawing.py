"""How every figure looks: sizes, colours, axes, and files whose bytes depend on the numbers only."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

from training.files import make_folder, whole_file
from training.formatting import ALL

# Colours that readers with any kind of colour vision can tell apart, and a line and a shape beside each.
# Source: M. Okabe and K. Ito, "Color Universal Design", 2008.
STYLES: Final[Mapping[str, Mapping[str, Any]]] = {
    ALL: {"color": "#000000", "linestyle": "-", "marker": "*"},
    "he": {"color": "#0072B2", "linestyle": "-", "marker": "o"},
    "ar": {"color": "#D55E00", "linestyle": "--", "marker": "s"},
    "cs": {"color": "#009E73", "linestyle": "-.", "marker": "^"},
    "en": {"color": "#CC79A7", "linestyle": ":", "marker": "D"},
}
GREY: Final = "#888888"

_SIZE: Final = (6.4, 4.8)
_DOTS_PER_INCH: Final = 130


def new_figure(title: str) -> tuple[Figure, Axes]:
    """Return a figure with one set of axes under a title."""
    figure = Figure(figsize=_SIZE, dpi=_DOTS_PER_INCH, layout="constrained")
    axes = figure.subplots()
    axes.set_title(title, loc="left", weight="bold")
    return figure, axes


def new_panels(title: str, names: list[str]) -> tuple[Figure, dict[str, Axes]]:
    """Return a figure with a panel for each name, two in a row, which share their axes."""
    rows = (len(names) + 1) // 2
    size = (9.2, 1.4 + 2.3 * rows)
    figure = Figure(figsize=size, dpi=_DOTS_PER_INCH, layout="constrained")
    figure.suptitle(title, x=0.01, ha="left", weight="bold")
    grid = figure.subplots(rows, 2, sharex=True, sharey=True, squeeze=False).ravel().tolist()
    for empty in grid[len(names) :]:
        empty.remove()
    # A panel whose neighbour below was removed is the last of its column.
    for axes in grid[: len(names)][-2:]:
        axes.tick_params(labelbottom=True)
    return figure, dict(zip(names, grid, strict=False))


def line_of(language: str) -> dict[str, Any]:
    """Return colour and line of a language."""
    style = STYLES[language]
    return {"color": style["color"], "linestyle": style["linestyle"], "linewidth": 2}


def plain_axes(axes: Axes) -> None:
    """Draw a light grid and no frame."""
    axes.grid(color="#E5E5E5")
    axes.spines[["top", "right"]].set_visible(False)


def percent_axes(axes: Axes, x: str, y: str) -> None:
    """Name both axes and let them run from 0 to 100 %."""
    for axis, name in ((axes.xaxis, x), (axes.yaxis, y)):
        axis.set_major_formatter(PercentFormatter(1, decimals=0))
        axis.set_label_text(name)
    axes.set_xlim(-0.02, 1.02)
    axes.set_ylim(-0.02, 1.04)
    plain_axes(axes)


def legend_below(figure: Figure, axes: Axes, title: str | None = None) -> None:
    """Put the legend below the axes, where it hides no line."""
    handles, names = axes.get_legend_handles_labels()
    if handles:
        figure.legend(handles, names, loc="outside lower center", ncols=2, title=title, frameon=False)


def save_figures(figures: Mapping[str, Figure], folder: Path) -> None:
    """Write figures as PNG files, each only when whole.

    Args:
        figures: By file name.
        folder: Where they go; it is made where there is none.

    Raises:
        FileError: The folder or a file cannot be written.
    """
    make_folder(folder)
    for name, figure in figures.items():
        with whole_file(folder / name) as temporary:
            # Without the version of matplotlib the bytes depend on the numbers only.
            figure.savefig(temporary, format="png", metadata={"Software": None})
