"""The report of a run: Markdown with figures."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from io import BytesIO
from pathlib import Path
from typing import Any, Final

from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter
from tabulate import tabulate

from escalate.policy import ACTIONS, LANGUAGES, OUTPUTS
from escalate.scoring.journal import durable_file
from escalate.scoring.run import Summary
from escalate.scoring.tally import (
    BINS,
    NO_MONTH,
    ActionCounts,
    Tally,
    count_actions,
    languages_of,
    months_in,
    show_rate,
)
from escalate.scoring.values import readable

REPORT: Final = "REPORT.md"
RATES_FIGURE: Final = "escalation_rate.png"
SCORES_FIGURE: Final = "scores.png"

# Colours that readers with any kind of colour vision can tell apart, and a shape beside each.
# Source: M. Okabe and K. Ito, "Color Universal Design", 2008.
_STYLES: Final[Mapping[str, Mapping[str, Any]]] = {
    "he": {"color": "#0072B2", "linestyle": "-", "marker": "o"},
    "ar": {"color": "#D55E00", "linestyle": "--", "marker": "s"},
    "cs": {"color": "#009E73", "linestyle": "-.", "marker": "^"},
    "en": {"color": "#CC79A7", "linestyle": ":", "marker": "D"},
}
_NAMES: Final = {"he": "Hebrew", "ar": "Arabic", "cs": "Czech", "en": "English", "other": "other"}
_DOTS_PER_INCH: Final = 130
_MOST_TICKS: Final = 24


def write_report(summary: Summary, folder: Path) -> Path:
    """Write ``REPORT.md`` and its figures, each of them whole, and return the report.

    Args:
        summary: What became of the run.
        folder: Where to; it is made if need be.

    Raises:
        OSError: A file cannot be written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    figures = {SCORES_FIGURE: draw_scores(summary.tally)}
    if _drawn_months(summary.tally):
        figures[RATES_FIGURE] = draw_rates(summary.tally)
    for name, figure in figures.items():
        image = BytesIO()
        # Without the version of matplotlib, so that the same numbers give the same file.
        figure.savefig(image, format="png", dpi=_DOTS_PER_INCH, metadata={"Software": None})
        with durable_file(folder / name) as temporary:
            temporary.write_bytes(image.getvalue())
    with durable_file(folder / REPORT) as temporary:
        temporary.write_text("\n\n".join(_sections(summary)) + "\n", encoding="utf-8", newline="\n")
    return folder / REPORT


def draw_rates(tally: Tally) -> Figure:
    """Draw the escalation rate over the months, a line for each language."""
    figure = Figure(figsize=(8, 4.5), layout="constrained")
    axes = figure.subplots()
    months = _drawn_months(tally)
    for language in languages_of(tally):
        rates = [count_actions(tally, language=language, month=month).escalation_rate for month in months]
        if language in LANGUAGES:
            shown = [float("nan") if rate is None else rate for rate in rates]
            axes.plot(months, shown, label=_NAMES[language], **_STYLES[language])
    axes.set_title("Escalation rate by month")
    axes.set_ylim(bottom=0)
    axes.yaxis.set_major_formatter(PercentFormatter(xmax=1))
    axes.tick_params(axis="x", rotation=45)
    axes.set_xticks(range(0, len(months), -(-len(months) // _MOST_TICKS)))
    axes.grid(alpha=0.3)
    axes.legend()
    return figure


def draw_scores(tally: Tally) -> Figure:
    """Draw how the probabilities of each output are distributed, a line for each language."""
    figure = Figure(figsize=(12, 4.2), layout="constrained")
    edges = [i / BINS for i in range(BINS + 1)]
    languages = [language for language in languages_of(tally) if language in LANGUAGES]
    for axes, output in zip(figure.subplots(1, len(OUTPUTS), sharey=True), OUTPUTS, strict=True):
        for language in languages:
            counts = [tally.scores[language, output, place] for place in range(BINS)]
            shares = [count / sum(counts) for count in counts]
            style = _STYLES[language]
            axes.stairs(
                shares,
                edges,
                label=_NAMES[language],
                color=style["color"],
                linestyle=style["linestyle"],
                linewidth=1.6,
            )
        axes.set_title(output.replace("_", " ").capitalize())
        axes.set_xlabel("probability")
        axes.yaxis.set_major_formatter(PercentFormatter(xmax=1))
        axes.grid(alpha=0.3)
        if languages:
            axes.legend()
    figure.supylabel("share of the messages")
    return figure


def _sections(summary: Summary) -> Iterator[str]:
    tally = summary.tally
    yield f"# Scores of {readable(summary.output.name)}"
    model = f"{tally.rows:,} rows, of which {tally.rows - tally.statuses['ok']:,} without an answer; "
    yield f"{model}{summary.seconds:,.0f} seconds, {summary.resumed:,} rows done by an earlier run."
    yield "## Actions by language"
    languages = [(_NAMES[name], count_actions(tally, language=name)) for name in languages_of(tally)]
    yield _table("language", [*languages, ("all", count_actions(tally))])
    if months := months_in(tally):
        yield "## Actions by month"
        yield _table("month", [(month, count_actions(tally, month=month)) for month in months])
        if _drawn_months(tally):
            yield f"![Escalation rate by month, for each language]({RATES_FIGURE})"
    yield "## Scores"
    yield f"![Distributions of the three probabilities, for each language]({SCORES_FIGURE})"
    yield "## Rows without an answer"
    bad = [(status, f"{rows:,}") for status, rows in sorted(tally.statuses.items()) if status != "ok"]
    if not bad:
        yield "None."
        return
    yield tabulate(bad, ("status", "rows"), tablefmt="github", disable_numparse=True)
    yield "The first of them:"
    yield "\n".join(f"- {row}" for row in tally.bad_rows)


def _table(name: str, rows: Sequence[tuple[str, ActionCounts]]) -> str:
    cells = [
        (label, *(f"{n:,}" for n in (counts.rows, *counts.actions)), show_rate(counts))
        for label, counts in rows
    ]
    return tabulate(
        cells,
        (name, "rows", *ACTIONS, "escalation rate"),
        tablefmt="github",
        disable_numparse=True,
        colalign=("left", *["right"] * (len(ACTIONS) + 2)),
    )


def _drawn_months(tally: Tally) -> list[str]:
    """Return the months in which a language that is drawn has answers."""
    months = {month for month, language, _ in tally.actions if language in LANGUAGES}
    return sorted(months - {"", NO_MONTH})
