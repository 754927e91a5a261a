"""The figures of the report on verdicts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.dates import AutoDateLocator, DateFormatter
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

from training.drawing import GREY, legend_below, new_figure, new_panels, percent_axes, plain_axes
from training.evaluation.calibration import calibration_bins
from training.feedback.calibration import calibrated_part
from training.feedback.periods import WEEK
from training.feedback.shares import share
from training.feedback.verdicts import Verdicts
from training.formatting import ALL, LANGUAGE_NAMES

Array = npt.NDArray[Any]

_NAMES: Final = {ALL: "All languages", **LANGUAGE_NAMES}
_FEWEST: Final = 10
_FIRST: Final[Mapping[str, Any]] = {"color": "#D55E00", "linestyle": "-", "marker": "s"}
_SECOND: Final[Mapping[str, Any]] = {"color": "#0072B2", "linestyle": "--", "marker": "o"}
_RECENT: Final = "#EEEEEE"
_BARS: Final[Mapping[str, Any]] = {"linewidth": 1.6, "elinewidth": 1, "capsize": 2, "markersize": 4}


def draw(numbers: Mapping[str, Any], parts: Mapping[str, Verdicts]) -> dict[str, Figure]:
    """Return the figures of the report by file name.

    Args:
        numbers: The numbers of the report.
        parts: The decisions that are compared, by their name.
    """
    figures = {"reliability.png": reliability(parts)}
    if len(numbers["periods"]) > 1:
        figures["agreement.png"] = agreement_over_time(numbers)
        figures["calibration.png"] = calibration_over_time(numbers)
    return figures


def agreement_over_time(numbers: Mapping[str, Any]) -> Figure:
    """Draw missed messages and needless hand-offs by period, a panel for each language."""
    title = "Decisions that agents call wrong (95 % intervals)"
    figure, panels = new_panels(title, _languages(numbers, "agreement"))
    for language, axes in panels.items():
        for name, words, style in (
            ("missed", "missed, of those left to the bot", _FIRST),
            ("needless", "needless, of those handed over", _SECOND),
        ):
            _errors(axes, [(start, own[name]) for start, own in _rows(numbers, language)], words, style)
        _time_axes(axes, numbers, language, "called wrong")
    legend_below(figure, next(iter(panels.values())))
    return figure


def calibration_over_time(numbers: Mapping[str, Any]) -> Figure:
    """Draw the expected and the observed share that needed a person, by period."""
    title = "Needed a person: observed (95 % intervals) and expected"
    figure, panels = new_panels(title, _languages(numbers, "calibration"))
    for language, axes in panels.items():
        rows = [(start, own["calibration"]) for start, own in _rows(numbers, language) if own["calibration"]]
        _errors(axes, [(start, own["observed"]) for start, own in rows], "observed, by agents", _FIRST)
        shown = [(start, own["expected"]) for start, own in rows if own["count"] >= _FEWEST]
        axes.plot(*_columns(shown), label="expected, by the model", markersize=4, **_SECOND)
        _time_axes(axes, numbers, language, "of judged ones")
    legend_below(figure, next(iter(panels.values())))
    return figure


def reliability(parts: Mapping[str, Verdicts]) -> Figure:
    """Draw how often messages needed a person against how likely the model called it."""
    figure, axes = new_figure("Reliability on judged decisions (95 % intervals)")
    axes.plot([0, 1], [0, 1], color=GREY, linewidth=1, label="perfect")
    for (name, part), style in zip(parts.items(), (_FIRST, _SECOND), strict=False):
        own = calibrated_part(part)
        expected, needed = own.expected, own.needed
        bins = [rows for rows in calibration_bins(expected) if len(rows) >= _FEWEST]
        observed = [share(needed[rows] == 1, 0.95).to_dict() for rows in bins]
        points = [(expected[rows].mean(), each) for rows, each in zip(bins, observed, strict=True)]
        _errors(axes, points, f"{name} ({len(needed):,} verdicts)", style)
    percent_axes(
        axes,
        "probability that it needs a person, by the model",
        f"share that needed a person, by agents (bins of {_FEWEST} or more)",
    )
    legend_below(figure, axes)
    return figure


def _languages(numbers: Mapping[str, Any], name: str) -> list[str]:
    """Return ALL and the languages that have some number in any period."""
    found = {
        language
        for period in numbers["periods"]
        for language, own in period["languages"].items()
        if own[name] is not None
    }
    return [language for language in _NAMES if language in found]


def _rows(numbers: Mapping[str, Any], language: str) -> list[tuple[Any, Mapping[str, Any]]]:
    return [
        (np.datetime64(period["start"]), period["languages"][language])
        for period in numbers["periods"]
        if language in period["languages"]
    ]


def _errors(
    axes: Axes, points: Sequence[tuple[Any, Mapping[str, Any]]], label: str, style: Mapping[str, Any]
) -> None:
    """Draw shares with their intervals; those of fewer than _FEWEST say nothing and are left out."""
    shown = [(x, own) for x, own in points if own["count"] >= _FEWEST]
    x, shares = _columns(shown)
    values = np.array([own["value"] for own in shares], dtype=float)
    reach = [
        values - [own["low"] for own in shares],
        np.array([own["high"] for own in shares], dtype=float) - values,
    ]
    axes.errorbar(x, values, np.maximum(0, reach), label=label, **_BARS, **style)


def _columns(points: Sequence[tuple[Any, Any]]) -> tuple[list[Any], list[Any]]:
    return [x for x, _ in points], [y for _, y in points]


def _time_axes(axes: Axes, numbers: Mapping[str, Any], language: str, y: str) -> None:
    axes.set_title(_NAMES[language].capitalize(), loc="left", fontsize="medium")
    axes.xaxis.set_major_locator(AutoDateLocator(maxticks=6))  # type: ignore[no-untyped-call]
    form = "%d %b" if numbers["unit"] == WEEK else "%b %Y"
    axes.xaxis.set_major_formatter(DateFormatter(form))  # type: ignore[no-untyped-call]
    axes.xaxis.set_tick_params(labelsize="small")
    axes.yaxis.set_major_formatter(PercentFormatter(1, decimals=0))
    axes.set_ylabel(f"{y}, a {numbers['unit']}", fontsize="small")
    last: Any = np.datetime64(numbers["last"])
    axes.axvspan(last - numbers["rule"]["recent_days"], last, color=_RECENT, label="recent", zorder=0)
    axes.set_ylim(-0.02, 1.02)
    plain_axes(axes)
