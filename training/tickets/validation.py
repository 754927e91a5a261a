"""``python -m training validate tickets.csv``: what is wrong or risky in own tickets."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table

from escalate.policy import OUTPUTS
from training.corpus import validation
from training.corpus.messages import SPLITS
from training.corpus.problems import Problem, error
from training.corpus.statistics import Numbers
from training.corpus.validation import Report
from training.errors import TicketsError
from training.formatting import OUTPUT_NAMES
from training.printing import say
from training.tickets.columns import Columns
from training.tickets.label_checks import check_amounts, check_labels, count_labels
from training.tickets.reading import Tickets, read_tickets
from training.tickets.splitting import Split, nearly_equal, split_tickets
from training.tickets.text_checks import (
    check_beginnings,
    check_duplicates,
    check_languages,
    check_lengths,
    check_names,
    check_personal_data,
    check_rows,
)


@dataclass(frozen=True, slots=True)
class TicketsReport:
    """What the checks found.

    Attributes:
        tickets: What was checked.
        split: How the tickets would be split, or None where they cannot be.
        report: Numbers and problems.
    """

    tickets: Tickets
    split: Split | None
    report: Report


def check_tickets(source: str | Path, columns: Columns) -> TicketsReport:
    """Check tickets.

    Raises:
        TicketsError: They cannot be read.
    """
    tickets = read_tickets(source, columns)
    problems: list[Problem] = []
    split = None
    alike = nearly_equal(tickets.messages)
    try:
        split = split_tickets(tickets, alike=alike)
    except TicketsError as caught:
        problems.append(error("split", str(caught)))
    duplicates, duplicate_problems = check_duplicates(tickets, alike)
    variety, beginning_problems = check_beginnings(tickets)
    personal_data, personal_problems = check_personal_data(tickets)
    names, name_problems = check_names(tickets)
    problems += [
        *check_labels(tickets),
        *check_amounts(tickets, split),
        *duplicate_problems,
        *personal_problems,
        *name_problems,
        *check_languages(tickets),
        *check_lengths(tickets),
        *beginning_problems,
        *check_rows(tickets),
    ]
    numbers: dict[str, Numbers] = {
        "labels": count_labels(tickets.messages),
        "duplicates": duplicates,
        "variety": variety,
        "personal_data": personal_data,
        "personal_data_in_columns": names,
        "time": {"time": _times(tickets)},
    }
    if split is not None:
        sizes = {name: len(getattr(split, name)) for name in SPLITS}
        numbers["split"] = {"split": {"method": split.method, "reason": split.reason, **sizes}}
    report = Report(numbers, sorted(problems, key=lambda problem: problem.severity))
    return TicketsReport(tickets, split, report)


def print_report(found: TicketsReport, console: Console) -> None:
    """Print what there is, how it would be split, and the problems."""
    tickets, numbers = found.tickets, found.report.numbers
    used = ", ".join(f"{kind} from {name!r}" for kind, name in tickets.columns.items())
    say(console, f"{tickets.source}: {len(tickets.messages):,} messages; {used}")
    console.print(_labels_table(numbers["labels"]))
    if numbers["personal_data"]:
        table = Table("Personal data", "found", "messages")
        for kind, values in numbers["personal_data"].items():
            table.add_row(kind, f"{values['found']:,}", f"{len(values['rows']):,}")
        console.print(table)
    if found.split is not None:
        sizes = ", ".join(f"{name} {len(getattr(found.split, name)):,}" for name in SPLITS)
        say(console, f"{found.split.reason} {sizes}")
    times = numbers["time"]["time"]
    if times["known"]:
        say(console, f"Times: {times['known']:,} messages from {times['first']} to {times['last']}.")
    validation.print_report(Report({}, found.report.problems), console)


def _labels_table(labels: Numbers) -> Table:
    table = Table("Labels (yes / no / unknown)")
    table.add_column("messages", justify="right")
    for output in OUTPUTS:
        table.add_column(OUTPUT_NAMES[output], justify="right")
    for language, values in labels.items():
        cells = [
            " / ".join(f"{values[output][kind]:,}" for kind in ("yes", "no", "unknown")) for output in OUTPUTS
        ]
        table.add_row(language, f"{values['messages']:,}", *cells)
    return table


def _times(tickets: Tickets) -> Mapping[str, object]:
    times = [time for time in tickets.times if time is not None]
    return {
        "known": len(times),
        "first": f"{min(times):%Y-%m-%d}" if times else None,
        "last": f"{max(times):%Y-%m-%d}" if times else None,
    }
