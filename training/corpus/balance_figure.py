"""The figure of the datasheet: balance of the labels, and length by label."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import Final

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

from escalate.policy import LANGUAGES
from training.corpus.messages import Message
from training.corpus.statistics import LABEL_SHARES, LENGTH_OUTPUTS, balance, by_language, length_auc, words
from training.corpus.targets import Targets
from training.formatting import LANGUAGE_NAMES, OUTPUT_NAMES

# Colours that readers with any kind of colour vision can tell apart.
# Source: M. Okabe and K. Ito, "Color Universal Design", 2008.
_BLUE: Final = "#0072B2"
_ORANGE: Final = "#E69F00"
_SKY: Final = "#56B4E9"
_VERMILLION: Final = "#D55E00"
_GREEN: Final = "#009E73"
_INK: Final = "#333333"
_BAND: Final = "#DDDDDD"
_BAR_COLOURS: Final = (_SKY, _ORANGE, _BLUE, _VERMILLION, _GREEN)

_LABELS: Final = {
    "complexity": ("simple", "complex", _SKY, _BLUE),
    "negative_sentiment": ("not negative", "negative", _SKY, _VERMILLION),
}
# Short messages end at 7 words and long ones begin at 36, as in the tables.
_EDGES: Final = (1, 5, 8, 12, 18, 26, 36, 51, 76)


def write_figure(messages: Sequence[Message], path: Path) -> None:
    """Write the figure as PNG: a row for each of the four languages there is.

    Args:
        messages: Messages of any languages.
        path: File to write; its name may end in anything.
    """
    languages = {name: own for name, own in by_language(messages).items() if name in LANGUAGES}
    figure = Figure(figsize=(14, 2.5 * max(1, len(languages)) + 1))
    figure.set_layout_engine("constrained", h_pad=0.12, w_pad=0.12)
    grid = figure.subplots(
        max(1, len(languages)), 3, squeeze=False, sharex="col", sharey="col", width_ratios=(1, 1.25, 1.25)
    )
    for row, (language, own) in zip(grid, languages.items(), strict=False):
        _draw_balance(row[0], own)
        row[0].set_title(
            f"{LANGUAGE_NAMES[language]}: {len(own):,} messages", loc="left", weight="bold", color=_INK
        )
        for axes, output in zip(row[1:], LENGTH_OUTPUTS, strict=True):
            _draw_lengths(axes, own, output)
    grid[-1, 0].set_xlabel("share of the tickets; grey: wanted")
    for axes in grid[-1, 1:]:
        axes.set_xlabel("words; share of the messages with each label")
    figure.savefig(path, format="png", dpi=130, metadata={"Software": None})


def _draw_balance(axes: Axes, messages: Sequence[Message]) -> None:
    numbers = balance(messages)
    targets = Targets()
    for i, (name, colour) in enumerate(zip(LABEL_SHARES, _BAR_COLOURS, strict=True)):
        low, high = targets.human_requested if name == "human_requested" else targets.quadrant
        axes.barh(i, high - low, left=low, height=0.96, color=_BAND, zorder=0)
        value = numbers[name] or 0.0
        axes.barh(i, value, height=0.62, color=colour)
        axes.text(value + 0.006, i, f"{value:.0%}", va="center", color=_INK)
    axes.set_yticks(range(len(LABEL_SHARES)), list(LABEL_SHARES.values()))
    axes.set_ylim(len(LABEL_SHARES) - 0.4, -0.6)
    axes.margins(x=0.2)
    axes.xaxis.set_major_formatter(PercentFormatter(1, decimals=0))
    _tidy(axes)


def _draw_lengths(axes: Axes, messages: Sequence[Message], output: str) -> None:
    no, yes, *colours = _LABELS[output]
    edges = [*_EDGES, np.inf]
    positions = np.arange(len(_EDGES))
    for value, name, colour, shift in ((0, no, colours[0], -0.21), (1, yes, colours[1], 0.21)):
        lengths = [words(message.text) for message in messages if message.label(output) == value]
        counts = np.histogram(lengths, edges)[0]
        axes.bar(positions + shift, counts / max(1, len(lengths)), width=0.42, color=colour, label=name)
    area = length_auc(messages, output)
    title = OUTPUT_NAMES[output].capitalize()
    axes.set_title(title if area is None else f"{title}: AUC of length {area:.2f}", loc="left", color=_INK)
    names = [f"{low}–{high - 1}" for low, high in pairwise(_EDGES)]
    axes.set_xticks(positions, [*names, f"{_EDGES[-1]}+"], fontsize=9)
    axes.yaxis.set_major_formatter(PercentFormatter(1, decimals=0))
    axes.grid(axis="y", color=_BAND, linewidth=0.8)
    axes.set_axisbelow(True)
    axes.legend(loc="upper right", ncols=2, handlelength=1, frameon=False, borderaxespad=0)
    axes.margins(y=0.15)
    _tidy(axes)


def _tidy(axes: Axes) -> None:
    axes.spines[["top", "right", "left"]].set_visible(False)
    axes.tick_params(length=0, labelcolor=_INK)
