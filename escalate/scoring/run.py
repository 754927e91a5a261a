"""Scoring a file: in parts that survive whatever ends the run."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from escalate.classifier import Classifier
from escalate.errors import MissingExtraError, ScoringError
from escalate.policy import Policy
from escalate.processor import usable_cores
from escalate.scoring.csv_rows import CsvFormat
from escalate.scoring.files import parts_folder
from escalate.scoring.journal import Journal, locked_folder
from escalate.scoring.parts import OnProgress, join_parts, write_parts
from escalate.scoring.plan import Options, Plan, make_plan
from escalate.scoring.tally import Tally


@dataclass(frozen=True)
class Summary:
    """What became of a run.

    Attributes:
        output: The file that was written.
        tally: Counts over all rows.
        resumed: Rows that an earlier run had done.
        seconds: How long this run took.
    """

    output: Path
    tally: Tally
    resumed: int
    seconds: float


def score_file(
    source: str | Path,
    output: str | Path,
    *,
    text_column: str | None = None,
    id_column: str | None = None,
    time_column: str | None = None,
    prefix: str = "",
    encoding: str = "utf-8",
    delimiter: str | None = None,
    quote: str = '"',
    escape: str = "",
    limit: int | None = None,
    workers: int | None = None,
    model: str | Path | None = None,
    policy: Policy | str | Path | None = None,
    strict: bool = False,
    resume: bool = False,
    overwrite: bool = False,
    report: str | Path | None = None,
    on_progress: OnProgress | None = None,
) -> Summary:
    """Score every row of a table of messages.

    All columns stay, those of ``escalate.scoring.answers.ANSWER_COLUMNS`` are added. A row without an
    answer keeps its place, its ``status`` says why. Memory stays flat. The output appears when it is
    whole; until then finished parts are in the folder ``OUTPUT.parts``.

    Args:
        source: A file, a folder, or a glob pattern; CSV (``.csv .tsv .tab .txt``), JSON lines (``.jsonl
            .ndjson .json``) or Parquet (``.parquet .pq``), text also as ``.gz`` or ``.zst``.
        output: A file of one of these formats.
        text_column: The column with the messages; found where only one can be it.
        id_column: A column whose values name bad rows.
        time_column: A column with times (ISO 8601 or a time type) to count by month.
        prefix: Put before the names of the added columns.
        encoding: Of CSV and JSON lines, as Python names it: ``cp1255``, ``cp1256``, ``cp1250``. The
            output is UTF-8.
        delimiter: Of CSV; without it a comma, or a tab for ``.tsv`` and ``.tab``.
        quote: Character around CSV cells, doubled inside them; empty for none.
        escape: Character that takes the next one in a CSV file literally; empty for none.
        limit: Score only so many rows.
        workers: Threads that score; without it one a core.
        model: Folder of a bundle, or None for the released model.
        policy: A policy or its file, or None for the model's own.
        strict: Raise at the first bad row instead of keeping it.
        resume: Go on with an unfinished run, if there is one. The output is the same to the byte.
        overwrite: Replace an existing output, and without ``resume`` start an unfinished run anew.
        report: Folder for a report in Markdown with figures.
        on_progress: Called with the rows done and the rows in all, at first and after every part.

    Raises:
        BundleError: The model cannot be used.
        PolicyError: The policy cannot be used.
        ScoringError: Input, output or an option does not fit, a row is bad and ``strict`` is set,
            the disk is full, or what an unfinished run was made from has changed.
        MissingExtraError: ``report`` is set and matplotlib is not installed.
    """
    start = time.monotonic()
    options = Options(
        text_column=text_column,
        id_column=id_column,
        time_column=time_column,
        prefix=prefix,
        encoding=encoding,
        layout=CsvFormat(delimiter, quote, escape),
        limit=limit,
        workers=usable_cores() if workers is None else workers,
        strict=strict,
    )
    target = Path(output)
    if report is not None:
        try:
            from escalate.scoring.report import write_report
        except ModuleNotFoundError as error:
            raise MissingExtraError(f"a report (module {error.name})", "batch") from error
    try:
        _refuse_places(target, None if report is None else Path(report))
    except OSError as error:
        raise ScoringError(
            f"cannot write {error.filename or target}: {error.strerror}; name another place"
        ) from error
    with locked_folder(target) as folder:
        journal = Journal(folder)
        _refuse_leftovers(target, journal, resume=resume, overwrite=overwrite)
        classifier = Classifier.load(model, policy=policy)
        plan = make_plan(source, target, options, classifier)
        with _keeping(journal, plan):
            if resume and journal.exists:
                journal.resume(plan.binding, target)
            else:
                journal.start(plan.binding)
            resumed = journal.tally.rows
            if not journal.written:
                if target.exists() and not overwrite:
                    raise ScoringError(f"{target} exists and is not of this run; replace it with --overwrite")
                with _leaving_nothing_empty(journal):
                    write_parts(plan, journal, options, classifier, on_progress)
                join_parts(plan, journal)
            summary = Summary(target, journal.tally, resumed, time.monotonic() - start)
        if report is not None:
            with _naming_the_report(target, Path(report)):
                write_report(summary, Path(report))
        with _keeping(journal, plan):
            journal.remove()
    return summary


def _refuse_places(target: Path, report: Path | None) -> None:
    """Refuse an output or a report where none can be written."""
    if target.is_dir():
        raise ScoringError(f"{target} is a folder; name a file")
    if not target.parent.exists():
        raise ScoringError(f"cannot write {target}: No such file or directory; make the folder first")
    if not target.parent.is_dir():
        raise ScoringError(f"cannot write {target}: {target.parent} is no folder")
    if report is None:
        return
    if report.resolve() in (target.resolve(), parts_folder(target).resolve()):
        raise ScoringError(f"{report} is the output's own; name another folder with --report")
    if above := next(
        (path for path in (report, *report.parents) if path.exists() and not path.is_dir()), None
    ):
        raise ScoringError(f"the report needs a folder, and {above} is a file; name another with --report")


def _refuse_leftovers(target: Path, journal: Journal, *, resume: bool, overwrite: bool) -> None:
    if overwrite or (resume and journal.exists):
        return
    if journal.exists:
        raise ScoringError(
            f"{journal.folder} holds an unfinished run; go on with --resume, or start anew with --overwrite"
        )
    if target.exists():
        raise ScoringError(f"{target} exists; replace it with --overwrite, or name another output")


@contextmanager
def _keeping(journal: Journal, plan: Plan) -> Iterator[None]:
    """Say in one sentence what is kept when the disk is full or fails."""
    try:
        yield
    except OSError as error:
        raise ScoringError(
            f"cannot write {error.filename or journal.folder}: {error.strerror or error}; "
            f"{journal.tally.rows:,} of {plan.rows:,} rows are done and kept in {journal.folder}, "
            "make room and run again with --resume"
        ) from error


@contextmanager
def _naming_the_report(target: Path, report: Path) -> Iterator[None]:
    """Say in one sentence that only the report is missing."""
    try:
        yield
    except OSError as error:
        raise ScoringError(
            f"{target} is written, but not its report: cannot write {error.filename or report}: "
            f"{error.strerror or error}; mend that or name another --report, and "
            "run again with --resume, which writes only the report"
        ) from error


@contextmanager
def _leaving_nothing_empty(journal: Journal) -> Iterator[None]:
    """Remove the journal of a run that fails before its first part: it has nothing to resume."""
    try:
        yield
    except BaseException:
        if not journal.parts:
            with suppress(OSError):
                journal.remove()
        raise
