"""The command ``escalate score``. What it needs from the extra ``batch`` is imported when it runs."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeRemainingColumn
from rich.table import Table

from escalate.classifier import Classifier
from escalate.errors import MissingExtraError
from escalate.policy import ACTIONS
from escalate.processor import usable_cores
from escalate.terminal import facts_table

if TYPE_CHECKING:
    from escalate.scoring.parts import OnProgress
    from escalate.scoring.plan import Options, Plan
    from escalate.scoring.run import Summary
    from escalate.scoring.tally import ActionCounts

EXIT_INTERRUPTED: Final = 130
_LOG_SECONDS: Final = 30.0
_SPEED_SECONDS: Final = 300.0


def score(
    source: Annotated[str, typer.Argument(metavar="INPUT", help="A file, a folder or a quoted pattern.")],
    output: Annotated[
        Path, typer.Argument(metavar="OUTPUT", help="File to write; its ending is the format.")
    ],
    text_column: Annotated[
        str | None, typer.Option(help="Column with the messages; found where only one can be it.")
    ] = None,
    id_column: Annotated[str | None, typer.Option(help="Column that names bad rows.")] = None,
    time_column: Annotated[
        str | None, typer.Option(help="Column with ISO 8601 times, to count by month.")
    ] = None,
    prefix: Annotated[str, typer.Option(help="Put before the names of the added columns.")] = "",
    encoding: Annotated[str, typer.Option(help="Of CSV and JSON lines, such as cp1255, cp1256.")] = "utf-8",
    delimiter: Annotated[
        str | None, typer.Option(help="Of CSV.", show_default="a comma, or a tab for .tsv")
    ] = None,
    quote: Annotated[str, typer.Option(help="Around CSV cells; empty for none.")] = '"',
    escape: Annotated[str, typer.Option(help="Takes the next character of a CSV file literally.")] = "",
    workers: Annotated[
        int | None, typer.Option(help="Threads that score.", show_default="one a core")
    ] = None,
    model: Annotated[
        Path | None, typer.Option(help="Folder of a model bundle.", show_default="the released model")
    ] = None,
    policy: Annotated[
        Path | None, typer.Option(help="JSON file with thresholds.", show_default="the model's own")
    ] = None,
    limit: Annotated[int | None, typer.Option(help="Score only so many rows.")] = None,
    strict: Annotated[bool, typer.Option("--strict", help="Stop at the first bad row.")] = False,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with an unfinished run.")] = False,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace an existing output or an unfinished run.")
    ] = False,
    report: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Folder for a report in Markdown with figures.")
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show what would be read and how long it would take.")
    ] = False,
) -> None:
    """Score a table of messages: CSV, JSON lines or Parquet, resumable, in flat memory.

    All columns stay. A row without an answer keeps its place; its status says why.
    Exit codes: 0 written, 1 something is in the way, 2 wrong arguments, 130 interrupted.
    """
    try:
        from escalate.scoring.csv_rows import CsvFormat
        from escalate.scoring.files import parts_folder
        from escalate.scoring.journal import Journal
        from escalate.scoring.plan import Options, estimate_seconds, make_plan
        from escalate.scoring.run import score_file
    except ModuleNotFoundError as error:
        raise MissingExtraError(f"escalate score (module {error.name})", "batch") from error
    common: dict[str, Any] = {
        "text_column": text_column,
        "id_column": id_column,
        "time_column": time_column,
        "prefix": prefix,
        "encoding": encoding,
        "limit": limit,
        "workers": usable_cores() if workers is None else workers,
    }
    if dry_run:
        options = Options(layout=CsvFormat(delimiter, quote, escape), **common)
        classifier = Classifier.load(model, policy=policy)
        plan = make_plan(source, output, options, classifier)
        _print_plan(plan, options, estimate_seconds(plan, options, classifier))
        return
    try:
        with _progress(Console(stderr=True)) as on_progress:
            summary = score_file(
                source,
                output,
                **common,
                delimiter=delimiter,
                quote=quote,
                escape=escape,
                model=model,
                policy=policy,
                strict=strict,
                resume=resume,
                overwrite=overwrite,
                report=report,
                on_progress=on_progress,
            )
    except KeyboardInterrupt as error:
        kept = Journal(parts_folder(output)).exists
        rest = (
            "finished parts are kept, go on with --resume" if kept else "no part is finished, nothing is kept"
        )
        Console(stderr=True).print(f"interrupted; {rest}")
        raise typer.Exit(EXIT_INTERRUPTED) from error
    _print_summary(summary, report)


@contextmanager
def _progress(console: Console) -> Iterator[OnProgress]:
    """Yield what shows the progress: a bar on a terminal, else a line now and then."""
    if not console.is_terminal:
        yield _LogLines(console)
        return
    columns = (
        TextColumn("scoring"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[rate]}"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console, speed_estimate_period=_SPEED_SECONDS) as progress:
        yield _Bar(progress)


class _Bar:
    """A progress bar; rows of an earlier run count as done, but not for the rate."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._task: TaskID | None = None

    def __call__(self, done: int, total: int) -> None:
        if self._task is None:
            self._task = self._progress.add_task("", total=total, completed=done, rate="")
            return
        self._progress.update(self._task, completed=done)
        speed = self._progress.tasks[self._task].speed
        self._progress.update(self._task, rate=f"{speed:,.0f} rows/s" if speed else "")


class _LogLines:
    """Lines for a log: at the start, every half minute, and at the end."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._start: tuple[float, int] | None = None
        self._shown = 0.0

    def __call__(self, done: int, total: int) -> None:
        now = time.monotonic()
        if self._start is None:
            self._start, self._shown = (now, done), now
            self._console.print(f"scoring {total - done:,} of {total:,} rows", highlight=False)
            return
        if now - self._shown < _LOG_SECONDS and done < total:
            return
        self._shown = now
        began, already = self._start
        rate = (done - already) / max(now - began, 1e-9)
        left = timedelta(seconds=round((total - done) / rate)) if rate else "unknown"
        line = f"{done:,} of {total:,} rows, {rate:,.0f} rows/s, {left} left"
        self._console.print(line, highlight=False, soft_wrap=True)


def _print_plan(plan: Plan, options: Options, seconds: float) -> None:
    files = plan.source.files
    size = sum(size for size, _ in plan.stamps.values())
    names = ", ".join(file.name for file in files[:3]) + (", …" if len(files) > 3 else "")
    facts = {
        "input": f"{len(files):,} {files[0].format} file{'s' * (len(files) > 1)} ({names}), {size:,} bytes",
        "rows": f"{plan.rows:,}",
        "columns": ", ".join(f"{field.name} ({field.type})" for field in plan.columns),
        "messages in": plan.text_column,
        "output": f"{plan.sink.file.path}, {plan.sink.file.format}",
        "time": f"about {timedelta(seconds=round(seconds))} with {options.workers} workers",
    }
    Console().print(facts_table(facts.items()))


def _print_summary(summary: Summary, report: Path | None) -> None:
    from escalate.scoring.tally import NO_MONTH, count_actions, languages_of, months_in

    tally = summary.tally
    console = Console(soft_wrap=True, highlight=False)
    by_language = [(name, count_actions(tally, language=name)) for name in languages_of(tally)]
    console.print(_action_table("language", [*by_language, ("all", count_actions(tally))]))
    months = months_in(tally)
    if months == [NO_MONTH]:
        console.print("no time begins like 2024-05 (ISO 8601), so that there are no months to show")
    elif months:
        console.print(_action_table("month", [(name, count_actions(tally, month=name)) for name in months]))
    bad = {status: rows for status, rows in sorted(tally.statuses.items()) if status != "ok"}
    if bad:
        counts = ", ".join(f"{rows:,} {status}" for status, rows in bad.items())
        console.print(f"{sum(bad.values()):,} rows without an answer: {counts}")
        console.print(f"the first: {tally.bad_rows[0]}", markup=False)
    scored = tally.rows - summary.resumed
    console.print(
        f"{tally.rows:,} rows in {summary.output}, {scored:,} of them now, in {summary.seconds:,.1f} seconds",
        markup=False,
    )
    if report is not None:
        console.print(f"report in {report}", markup=False)


def _action_table(name: str, rows: list[tuple[str, ActionCounts]]) -> Table:
    from escalate.scoring.tally import show_rate

    table = Table()
    table.add_column(name)
    for column in ("rows", *ACTIONS, "escalation rate"):
        table.add_column(column, justify="right")
    for label, counts in rows:
        table.add_row(label, *(f"{n:,}" for n in (counts.rows, *counts.actions)), show_rate(counts))
    return table
