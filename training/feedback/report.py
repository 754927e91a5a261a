"""The report on verdicts: text, tables, and the summary on the screen."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from rich.console import Console

from training.feedback.drift import Drift
from training.feedback.inputs import FEWEST_TEXTS
from training.feedback.tables import (
    action_rows,
    agreement_rows,
    calibration_rows,
    estimate,
    inputs_table,
    language_period_rows,
    period_rows,
)
from training.formatting import ALL, LANGUAGE_NAMES, markdown_table, number, percent
from training.printing import print_table, say
from training.report_files import write_report_files
from training.tickets.reading import without_text_notes

NAME: Final = "FEEDBACK"

_ANSWERS: Final = {
    "due": "Retraining is due",
    "not due": "Retraining is not due",
    "too few verdicts to tell": "Too few verdicts to tell whether retraining is due",
}
_STYLES: Final = {"due": "bold red", "not due": "green", "too few verdicts to tell": "yellow"}


def write_report(drift: Drift, folder: Path) -> Path:
    """Write text, numbers and figures, each only when whole; other files in the folder stay.

    Raises:
        FileError: A file cannot be written.
    """
    text = "\n\n".join(_sections(drift.numbers, list(drift.figures))) + "\n"
    return write_report_files(folder, NAME, text, drift.numbers, drift.figures)


def show(numbers: Mapping[str, Any], console: Console) -> None:
    """Print whether retraining is due, why, and the most important numbers."""
    say(console, _origin(numbers))
    heads, rows = agreement_rows(numbers)
    print_table(console, "Agents agree (95 % interval)", heads, rows)
    heads, rows = action_rows(numbers)
    print_table(console, "By action taken", heads, rows)
    conclusion = numbers["conclusion"]
    say(console, _answer(numbers), _STYLES[conclusion["answer"]])
    for finding in _ordered(conclusion["findings"]):
        say(console, f"{'!' if finding['due'] else '-'} {finding['reason']}.")
    for reason in conclusion["untold"]:
        say(console, f"? {reason}")
    for remark in remarks(numbers):
        say(console, f"* {remark}")


def remarks(numbers: Mapping[str, Any]) -> Iterator[str]:
    """Yield what the reader should know beside the rule."""
    judged = {action: own["judged"] for action, own in numbers["actions"].items()}
    unjudged = [action for action, own in numbers["actions"].items() if own["judged"] < own["decisions"]]
    if rows := numbers["without_answer"]:
        yield (
            f"Left out, because `escalate score` had no answer: {rows:,} row{'' if rows == 1 else 's'}; their"
            " status says why."
        )
    yield from without_text_notes(numbers["without_text"])
    if unjudged:
        shown = ", ".join(
            f"{action} {judged[action]:,} of {numbers['actions'][action]['decisions']:,}"
            for action in unjudged
        )
        yield (
            f"Not every decision was judged ({shown}). The numbers speak for all decisions only where agents"
            " did not choose which ones to judge."
        )
    elif not judged["continue"]:
        yield (
            "The file holds no message that was left to the bot: how many of those needed a person"
            " cannot be known from it."
        )
    if len(numbers["models"]) > 1:
        yield (
            f"The answers are of several models ({', '.join(numbers['models'])}): a change may be one of"
            " model, not of messages."
        )
    if numbers["rescored"]:
        yield (
            f"The file holds no probabilities, so model {numbers['rescored']} was asked anew; where another"
            " model or policy decided then, expected shares are not its own."
        )
    if numbers["other_corpus"]:
        yield "The training data compared with are not those of the model: name its corpus with --corpus."
    if own := numbers["inputs"].get("earlier decisions"):
        yield from _input_remarks(own)


def _input_remarks(own: Mapping[str, Any]) -> Iterator[str]:
    """Yield what is different in the messages of late; that alone does not make retraining due."""
    apart = {language: area for language, area in own["told_apart"].items() if area and area["low"] > 0.6}
    for language, area in apart.items():
        yield (
            f"{LANGUAGE_NAMES[language]} messages of late differ from earlier ones (told apart with AUC "
            f"{estimate(area)}): have agents judge more of them."
        )
    if own["stability"] > 0.25:
        yield f"The mix of languages has changed (population stability index {number(own['stability'], 2)})."
    late, before = own["languages"]["other"]
    if late - before > 0.05:
        yield f"Messages the model cannot judge have grown from {percent(before)} to {percent(late)}."


def _sections(numbers: Mapping[str, Any], figures: Sequence[str]) -> Iterator[str]:
    conclusion, rule = numbers["conclusion"], numbers["rule"]
    yield "# What agents say about past decisions"
    yield _origin(numbers)
    yield f"**{_answer(numbers)}**"
    if conclusion["findings"]:
        yield _list([f"{'**Due:** ' * f['due']}{f['reason']}." for f in _ordered(conclusion["findings"])])
    if conclusion["untold"]:
        yield "What could not be told:"
        yield _list(conclusion["untold"])
    if found := list(remarks(numbers)):
        yield "Beside the rule:"
        yield _list(found)
    yield "## The rule"
    yield (
        "Retraining is due where, in all languages together or in one, agents agree with the decisions of"
        f" the last {rule['recent_days']} days at least {100 * rule['drop']:g} points less often than with"
        " earlier ones (apart for messages handed over and left to the bot), or where the calibration error"
        f" of recent probabilities is at least {rule['error']:g} above that of chance; and only where chance"
        f" alone would hardly give it: {percent(1 - rule['confidence'], 0)} for all comparisons together"
        f" (Bonferroni). A comparison of agreement needs {rule['fewest']} verdicts recent and earlier, a"
        f" calibration error {rule['fewest_calibrated']}. A change of the messages alone does not make it"
        " due."
    )
    yield "## Agreement"
    heads, rows = agreement_rows(numbers)
    yield markdown_table(rows, heads)
    yield (
        "*Missed* needed a person, of those left to the bot; *needless* needed none, of"
        " those offered a person or escalated. In brackets Wilson's 95 % interval and the number of verdicts."
    )
    if numbers["periods"]:
        yield f"By {numbers['unit']} and language:"
        heads, rows = language_period_rows(numbers)
        yield markdown_table(rows, heads)
    yield from _pictures(figures, "agreement")
    yield "## By action taken"
    heads, rows = action_rows(numbers)
    yield markdown_table(rows, heads)
    yield (
        "Verdicts often exist for messages that reached a person only. Then needless hand-offs are known and"
        " missed messages are not; a random sample of what was left to the bot, judged by agents, is the"
        " only remedy. A sample agents pick themselves, such as complaints, overstates misses."
    )
    yield "## Calibration"
    heads, rows = calibration_rows(numbers)
    yield markdown_table(rows, heads)
    yield (
        "*Expected*: the mean probability that a message needed a person, that is for at least one"
        " of the three reasons, as if they came independently of each other. *By chance*: the calibration"
        " error that right probabilities would show on so few verdicts, on average and at most in 95 of 100"
        " cases. The error cannot be negative, so its interval leans upwards. Agents may mean something else"
        " by *needed a person* than the labels the model learned: that shows here too, and"
        " retraining on verdicts mends it."
    )
    yield from _pictures(figures, "calibration", "reliability")
    if numbers["periods"]:
        yield f"All languages, by {numbers['unit']}:"
        heads, rows = period_rows(numbers)
        yield markdown_table(rows, heads)
    yield "## Messages"
    yield inputs_table(numbers)
    yield (
        "*Told apart*: the area under the ROC curve of a model that tells recent texts from the others, 0.5"
        f" where it cannot, 1 where it always can; at least {FEWEST_TEXTS} different texts of each. The"
        " training data are balanced on purpose and hold messages of other businesses, so real ones always"
        " differ from them: read that column as how far from home the model works, and the one of earlier"
        " decisions as drift. The population stability index and the distances have no test here; with few"
        " messages they are above 0 by chance. A topic that is new shows in none of them as long as it is"
        " rare."
    )
    yield "## How it was made"
    yield "`python -m training feedback`"
    facts = [
        [
            "verdicts",
            f"{numbers['source']}: {numbers['judged']:,} of {numbers['decisions']:,} decisions judged",
        ],
        ["answers of", ", ".join(numbers["models"]) or numbers["rescored"] or "not said"],
        ["tokenizer of", f"model {numbers['model']['version']}"],
        [
            "intervals",
            f"Wilson for shares; bootstrap, {numbers['resamples']:,} draws, for Brier score and error",
        ],
        ["seed", numbers["seed"]],
        ["escalate", numbers["escalate"]],
    ]
    yield markdown_table(facts, ["", ""])


def _origin(numbers: Mapping[str, Any]) -> str:
    when = f" from {numbers['first']} to {numbers['last']}" if numbers["first"] else ", times not known"
    return (
        f"{numbers['source']}: {numbers['decisions']:,} decisions{when}; {numbers['judged']:,} judged by"
        " agents."
    )


def _answer(numbers: Mapping[str, Any]) -> str:
    """Return the answer as a sentence, with the numbers where there are too few."""
    answer, rule = numbers["conclusion"]["answer"], numbers["rule"]
    if answer != "too few verdicts to tell":
        return f"{_ANSWERS[answer]}."
    counts = [f"{own[ALL]['agreement']['count']:,} {name}" for name, own in numbers["parts"].items()]
    return (
        f"{_ANSWERS[answer]} (n={' and '.join(counts)}; at least {rule['fewest_calibrated']} recent ones, and"
        f" {rule['fewest']} recent and earlier ones of those handed over or of those left to the bot)."
    )


def _ordered(findings: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    return sorted(findings, key=lambda finding: not finding["due"])


def _pictures(figures: Sequence[str], *names: str) -> Iterator[str]:
    for name in names:
        if f"{name}.png" in figures:
            yield f"![{name.capitalize()}]({name}.png)"


def _list(lines: Sequence[str]) -> str:
    return "\n".join(f"- {line}" for line in lines)
