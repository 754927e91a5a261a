"""The report on a chosen policy: text, tables, and the summary on the screen."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from rich.console import Console

from escalate.policy import OUTPUTS
from training.formatting import ALL, LANGUAGE_NAMES, OUTPUT_NAMES, markdown_table, number, percent
from training.policy.choosing import FEWEST
from training.policy.needs import HIGHEST_HUMAN
from training.policy.tables import (
    MEASURE_NAMES,
    language_rows,
    policy_rows,
    saving_rows,
    threshold_rows,
    unit,
)
from training.policy.thresholds import Result
from training.printing import print_table, say
from training.report_files import write_report_files
from training.tickets.own_corpus import notes_on

NAME: Final = "THRESHOLDS"


def write_report(result: Result, folder: Path) -> Path:
    """Write text, numbers and figures, each only when whole; other files in the folder stay.

    Raises:
        FileError: A file cannot be written.
    """
    text = "\n\n".join(_sections(result.numbers, list(result.figures))) + "\n"
    return write_report_files(folder, NAME, text, result.numbers, result.figures)


def show(numbers: Mapping[str, Any], console: Console) -> None:
    """Print the thresholds, what they are expected to do, and what to beware of."""
    data = numbers["data"]
    say(
        console,
        f"Model {numbers['model']['version']}, {data['name']}: {data['messages']:,} messages, "
        f"{data['judged']:,} of them fully labelled.\nAim: {numbers['aim']}.",
    )
    print_table(
        console, "Thresholds, offer / escalate", ["", *OUTPUT_NAMES.values()], threshold_rows(numbers)
    )
    heads, rows = policy_rows(numbers)
    # Turned on its side and without the two extremes it fits on a screen.
    side = [[head, *cells[:2]] for head, *cells in zip(heads, *rows, strict=True)]
    print_table(console, f"Expected {unit(numbers)} (95 % interval)", ["", *side[0][1:]], side[1:])
    heads, rows = saving_rows(numbers)
    print_table(console, f"Saved {unit(numbers)} by the chosen policy", heads, rows)
    for remark in remarks(numbers):
        say(console, f"! {remark}")


def remarks(numbers: Mapping[str, Any]) -> Iterator[str]:
    """Yield what the reader must know before trusting the numbers."""
    data, whole = numbers["data"], numbers["expectations"][ALL]
    yield (
        "Expected values are cross-validated: each message is judged by thresholds that were chosen without"
        f" it. They hold for messages mixed like these, of which {percent(whole['must'] / whole['judged'])}"
        " must reach a person; where fewer do, hand-offs and misses are fewer."
    )
    for other, saved in whole["savings"].items():
        if "cost" in saved and saved["cost"]["low"] <= 0:
            yield f"It is not sure that the chosen policy costs less than this one: {other}."
    if data["calibrated_on"]:
        yield (
            "The model's probabilities were calibrated, and its default policy was chosen, on these same "
            "messages: both look a little better here than on new ones. Use --data with tickets of your own, "
            "or measure the policy on the test split."
        )
    if data["in_train_split"]:
        yield (
            f"{data['in_train_split']:,} of the messages are in the train split of the corpus or of the "
            "model's runs. On messages it has learned a model is surer than on new ones: leave them out."
        )
    yield from notes_on(data["not_found"], "model")
    if unlabelled := [OUTPUT_NAMES[output] for output in OUTPUTS if output not in data["outputs"]]:
        yield (
            f"There are no labels for {' and '.join(unlabelled)}: messages that must reach a person for that "
            "alone count as if they need not, and handing them over as needless."
        )
    if data["judged"] < data["messages"]:
        yield (
            f"{data['messages'] - data['judged']:,} messages lack a label or are in none of the four"
            " languages: they count among the hand-offs, not among misses and needless hand-offs."
        )
    for language in numbers["too_few"]:
        yield (
            f"{LANGUAGE_NAMES[language]} has fewer than {FEWEST} labelled messages that must reach a person"
            f" or fewer than {FEWEST} that need not: it gets the thresholds of all languages together."
        )


def _sections(numbers: Mapping[str, Any], figures: Sequence[str]) -> Iterator[str]:
    data, model = numbers["data"], numbers["model"]
    yield f"# A policy for model {model['version']}"
    yield (
        f"Aim: {numbers['aim']}. Chosen {'per language' if numbers['per_language'] else 'for all languages'}."
    )
    yield markdown_table(threshold_rows(numbers), ["offer / escalate", *OUTPUT_NAMES.values()])
    yield (
        "A message is offered a person from the first number on and handed over at once from the second; a"
        f" dash means never. What more likely than not asks for a person ({HIGHEST_HUMAN:g}) is always"
        " offered one."
    )
    yield f"## What to expect, {unit(numbers)}"
    heads, rows = policy_rows(numbers)
    yield markdown_table(rows, heads)
    yield (
        "*Hand-offs* are messages in which a person is offered or takes over, so the most that can reach one."
        " *Missed* must reach a person but are left to the bot; *needless* hand-offs need none. *Recall* is"
        " the share of those that must reach a person that do. In brackets the 95 % interval."
    )
    yield "Saved by the chosen policy (negative: it has more):"
    heads, rows = saving_rows(numbers)
    yield markdown_table(rows, heads)
    yield "\n".join(f"- {remark}" for remark in remarks(numbers))
    for name in figures:
        yield f"![{name.removesuffix('.png').replace('_', ' ').capitalize()}]({name})"
    yield "The curves and the points on them are those of all messages together, without cross-validation."
    yield "## By language"
    yield "The chosen policy, by the language that the model reads:"
    heads, rows = language_rows(numbers)
    yield markdown_table(rows, heads)
    yield "## How it was made"
    yield "`python -m training thresholds`"
    theory = numbers["in_theory"]
    outputs = ", ".join(OUTPUT_NAMES[o] for o in data["outputs"])
    facts = [
        ["data", f"{data['name']}: {data['messages']:,} messages, {data['judged']:,} judged by {outputs}"],
        *([name, f"SHA-256 `{digest}`"] for name, digest in model["sha256"].items()),
        [
            "escalate level",
            f"precision {percent(numbers['escalate_precision'])} of each output, at least the offer level",
        ],
        *([["threshold in theory", number(theory)]] if theory is not None else []),
        ["expected values", f"{numbers['folds']}-fold cross-validation, groups left out together"],
        [
            "without it",
            ", ".join(
                f"{MEASURE_NAMES[name]} {percent(value)}" for name, value in numbers["apparent"].items()
            ),
        ],
        ["intervals", f"{numbers['confidence']:.0%}, bootstrap over groups, {numbers['resamples']:,} draws"],
        ["seed", numbers["seed"]],
        ["escalate", numbers["escalate"]],
    ]
    yield markdown_table(facts, ["", ""])
