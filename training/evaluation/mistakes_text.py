"""The section on mistakes of the report, generated from its numbers."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from training.evaluation.metrics import DECISION
from training.evaluation.mistakes import BY_CHANCE, EXAMPLES, NEAR
from training.formatting import LANGUAGE_NAMES, OUTPUT_NAMES, isolated, markdown_table, percent

LONGEST_QUOTATION: Final = 120
"""Characters of a message that are shown; more are cut at a space, where there is one."""

_MARKUP: Final = re.compile(r"([\\`*_\[\]<>&~$|])")
_MESSAGE_COLUMNS: Final = ("probability", "label", "channel", "message")


def mistakes_text(mistakes: Mapping[str, Any], texts: Mapping[str, str]) -> Iterator[str]:
    """Yield the parts of the section.

    Args:
        mistakes: What ``training.evaluation.mistakes.mistakes`` returns.
        texts: Texts that may be shown, by id; of other messages the id is shown.
    """
    yield "## Mistakes"
    yield (
        f"At probability {DECISION}, as for macro-F1. *Missed*: labelled 1 and answered 0, of all that are "
        f"labelled 1; *false alarms*: the reverse. *Close calls*: the share of the mistakes whose "
        f"probability is within {NEAR} of {DECISION}. *Gathered in*: channels and lengths that hold more of "
        f"the mistakes than of the messages (the share of both), and by chance in under {BY_CHANCE:.0%} of "
        "random draws."
    )
    yield _counts(mistakes)
    pairs = _pairs(mistakes)
    if pairs:
        yield "Contrast pairs, by the label in which they differ. *One right*: both messages get one answer."
        yield markdown_table(pairs, ["", "output", "pairs", "both right", "one right", "none right"])
    yield (
        f"Below, the most confident mistakes, up to {EXAMPLES} of each kind, and the contrast pairs whose "
        f"messages get one answer, up to {EXAMPLES} with the closest probabilities. "
        + ("Long ones are cut; `report.json` has their ids." if texts else "They are named by their ids.")
    )
    for language, values in mistakes.items():
        yield f"### Mistakes in {LANGUAGE_NAMES[language]}"
        yield from _examples(values, texts)


def _counts(mistakes: Mapping[str, Any]) -> str:
    rows = []
    for language, output, values in _outputs(mistakes):
        gathered = [
            f"{part['value']} ({percent(part['mistakes'], 0)}, {percent(part['messages'], 0)})"
            for part in values["gathered"]
        ]
        rows.append(
            [
                language,
                output,
                f"{values['missed']} of {values['positives']}",
                f"{values['false_alarms']} of {values['negatives']}",
                percent(values["near"], 0),
                ", ".join(gathered),
            ]
        )
    return markdown_table(rows, ["", "output", "missed", "false alarms", "close calls", "gathered in"])


def _pairs(mistakes: Mapping[str, Any]) -> list[list[Any]]:
    return [
        [language, output, total, *values["pairs"].values()]
        for language, output, values in _outputs(mistakes)
        if (total := sum(values["pairs"].values()))
    ]


def _outputs(mistakes: Mapping[str, Any]) -> Iterator[tuple[str, str, Mapping[str, Any]]]:
    """Yield the names of each language and output, and its mistakes."""
    for language, values in mistakes.items():
        for output, own in values["outputs"].items():
            yield LANGUAGE_NAMES[language], OUTPUT_NAMES[output], own


def _examples(values: Mapping[str, Any], texts: Mapping[str, str]) -> Iterator[str]:
    rows = [
        [OUTPUT_NAMES[output], "missed" if example["label"] else "false alarm", *_shown(example, texts)]
        for output, own in values["outputs"].items()
        for example in own["examples"]
    ]
    yield _table(rows, ["output", "mistake", *_MESSAGE_COLUMNS]) if rows else "None."
    if values["same_answer"]:
        yield "Contrast pairs with one answer:"
        rows = [
            [OUTPUT_NAMES[pair["output"]] if position == 0 else "", *_shown(message, texts)]
            for pair in values["same_answer"]
            for position, message in enumerate(pair["messages"])
        ]
        yield _table(rows, ["output", *_MESSAGE_COLUMNS])


def _shown(message: Mapping[str, Any], texts: Mapping[str, str]) -> list[str]:
    name = message["id"]
    return [
        f"{message['probability']:.3f}",
        str(message["label"]),
        _literal(message["channel"] or ""),
        isolated(_literal(_shortened(_one_line(texts[name]))))
        if name in texts
        else _literal(_one_line(name)),
    ]


def _table(rows: Sequence[Sequence[str]], headers: Sequence[str]) -> str:
    # Not padded: the width of a message differs between fonts, and tabulate's idea of it between machines.
    lines = [headers, ["---"] * len(headers), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _one_line(text: str) -> str:
    """Fold spaces, drop marks without a glyph and show what cannot be printed as U+FFFD."""
    visible = (c for c in " ".join(text.split()) if unicodedata.category(c) != "Cf")
    return "".join(c if c.isprintable() else "\ufffd" for c in visible)


def _shortened(text: str) -> str:
    if len(text) <= LONGEST_QUOTATION:
        return text
    return text[: LONGEST_QUOTATION + 1].rsplit(" ", 1)[0][:LONGEST_QUOTATION] + " …"


def _literal(text: str) -> str:
    """Escape what Markdown or a table of it would take for markup."""
    return _MARKUP.sub(r"\\\1", text)
