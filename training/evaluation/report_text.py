"""The text of the report, generated from its numbers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from escalate.policy import LANGUAGES, OUTPUTS
from training.evaluation.invariance import CHANGES
from training.evaluation.mistakes_text import mistakes_text
from training.evaluation.resampling import MINIMUM_GROUPS
from training.evaluation.slices import LANGUAGE, MINIMUM_MESSAGES, MINIMUM_PER_LABEL, WHOLE
from training.evaluation.tables import baselines_table, operation_table, pairs_table
from training.fitting.augmentation import HARMLESS, INVISIBLE
from training.formatting import LANGUAGE_NAMES, OUTPUT_NAMES, markdown_table, percent

_TOO_FEW: Final = "too few"
_METRICS: Final = {"macro_f1": "Macro-F1", "accuracy": "Accuracy"}


def report_text(numbers: Mapping[str, Any], figures: Sequence[str], texts: Mapping[str, str]) -> str:
    """Return the report as Markdown.

    Args:
        numbers: What ``training.evaluation.report.measure`` returns.
        figures: File names of the figures, beside the report.
        texts: Texts of messages that may be quoted, by id; the others are named by their id.
    """
    return "\n\n".join(_sections(numbers, figures, texts)) + "\n"


def _sections(numbers: Mapping[str, Any], figures: Sequence[str], texts: Mapping[str, str]) -> Iterator[str]:
    metrics, model = numbers["metrics"], numbers["model"]
    languages = metrics["languages"]
    yield f"# Report on model {model['version']}"
    yield _summary(numbers)
    yield (
        "Macro-F1 at probability 0.5 with 95 % confidence interval. *Reach a person*: the share of the "
        "messages that must reach a person for which the default policy offers one or escalates, and in "
        "brackets the share of all messages for which it does."
    )
    yield _origin(numbers)
    if languages:
        yield "## Every output"
        yield _outputs(languages)
        yield (
            "Contrast pairs (two messages that differ in a few words and one label) where both are right, "
            "and the expected calibration error. In brackets: what right probabilities exceed in one of "
            "twenty test splits of this size."
        )
        yield pairs_table(languages)
        yield from _pictures(figures, "precision_recall", "reliability")
    yield "## Language"
    yield (
        f"The language is right for {percent(metrics['language']['accuracy'])} of the messages; "
        f"{percent(metrics['language']['other_recall'])} of those in other languages or without words are "
        "recognised as such."
    )
    yield from _pictures(figures, "language_confusion")
    if metrics["operation"]:
        yield "## The border in service"
        yield (
            "How many messages must reach a person (complex, negative or asked for one); how many stay with "
            "the bot when 95 % of those are to reach a person; and how many of those reach one when 20 % of "
            "all messages are handed over, the most pressing first."
        )
        yield operation_table(metrics["operation"])
        yield "What the default policy does:"
        yield _policy(numbers["policy"])
        yield from _pictures(figures, "hand_offs")
    yield "## Slices"
    yield (
        f"Fewer than {MINIMUM_MESSAGES} labelled messages, and for macro-F1 fewer than {MINIMUM_PER_LABEL} "
        "of either label, are too few for a number. Styles, channels and domains of fewer than "
        f"{MINIMUM_MESSAGES} messages are joined to *rest*. *Drawn* says what the intervals resample: "
        f"whole groups (writers), or single messages where there are fewer than {MINIMUM_GROUPS} groups. "
        "Among so many numbers some differ by chance."
    )
    for language, dimensions in numbers["slices"].items():
        yield f"### {LANGUAGE_NAMES[language]}"
        for metric in _METRICS if language in LANGUAGES else ("accuracy",):
            yield f"{_METRICS[metric]}:"
            yield _slices(dimensions, metric, language in LANGUAGES)
    if numbers["mistakes"]:
        yield from mistakes_text(numbers["mistakes"], texts)
    yield "## Changes that leave the meaning alone"
    yield (
        "The share of messages whose action another writing of the same message flips, of those that the "
        "change alters at all (their number in brackets). *Invisible* changes are undone before the model "
        "reads: anything but 0 is a fault."
    )
    yield _invariance(numbers["invariance"])
    if languages and numbers["baselines"]:
        yield "## Beside simple models"
        yield "Macro-F1, trained on the same messages:"
        yield baselines_table(languages, numbers["baselines"])


def _summary(numbers: Mapping[str, Any]) -> str:
    rows = []
    for language, dimensions in numbers["slices"].items():
        whole = dimensions[WHOLE][WHOLE]
        policy = numbers["policy"].get(language, {}).get("offer")
        reach = f"{percent(policy['recall'])} ({percent(policy['hand_offs'])})" if policy else "–"
        rows.append(
            [
                LANGUAGE_NAMES[language],
                whole["messages"],
                *(_interval(whole[o]["macro_f1"]) if language in LANGUAGES else "–" for o in OUTPUTS),
                reach,
                _share(whole[LANGUAGE]["accuracy"]),
            ]
        )
    headers = ["", "messages", *OUTPUT_NAMES.values(), "reach a person", "language right"]
    return markdown_table(rows, headers)


def _origin(numbers: Mapping[str, Any]) -> str:
    model = numbers["model"]
    if numbers["corpus"] == model["corpus"]:
        corpus = "the corpus whose train split the model learned from"
    else:
        corpus = (
            "**another corpus than the model was trained with: its test messages may be among the "
            "training messages, and baselines are left out**"
        )
    rows = [
        ["model", f"{model['version']}, commit `{model['commit']}`"],
        *([name, f"SHA-256 `{digest}`"] for name, digest in model["sha256"].items()),
        ["corpus", f"SHA-256 `{numbers['corpus']}`, {corpus}"],
        ["messages", f"{numbers['metrics']['messages']:,}, the test split"],
        [
            "intervals",
            f"{numbers['confidence']:.0%}, bootstrap over groups, {numbers['resamples']:,} draws, "
            f"expanded percentiles",
        ],
        ["seed", numbers["seed"]],
        ["escalate", numbers["escalate"]],
    ]
    return "## How it was made\n\n`python -m training evaluate`\n\n" + markdown_table(rows, ["", ""])


def _outputs(languages: Mapping[str, Any]) -> str:
    names = {"macro_f1": "macro-F1", "accuracy": "accuracy", "auc": "AUC"}
    names["average_precision"] = "average precision"
    rows = [
        [OUTPUT_NAMES[output], LANGUAGE_NAMES[language], *(f"{values[output][name]:.3f}" for name in names)]
        for output in OUTPUTS
        for language, values in languages.items()
        if output in values
    ]
    return markdown_table(rows, ["output", "", *names.values()])


def _policy(policy: Mapping[str, Any]) -> str:
    rows = [
        [
            LANGUAGE_NAMES[language],
            *(percent(points[a][name]) for a in ("escalate", "offer") for name in ("hand_offs", "recall")),
        ]
        for language, points in policy.items()
    ]
    headers = ["escalated", "recall of that", "escalated or offered", "recall of both"]
    return markdown_table(rows, ["", *headers])


def _slices(dimensions: Mapping[str, Any], metric: str, supported: bool) -> str:
    names = [*(OUTPUTS if supported else ()), *((LANGUAGE,) if metric == "accuracy" else ())]
    rows = []
    for dimension, values in dimensions.items():
        for value, cell in values.items():
            drawn = "messages" if cell["groups"] is None else f"{cell['groups']} groups"
            shown = [_interval(cell[name][metric]) for name in names]
            rows.append([dimension if dimension != value else "", value, cell["messages"], drawn, *shown])
    heads = [{**OUTPUT_NAMES, LANGUAGE: "language right"}[name] for name in names]
    return markdown_table(rows, ["", "slice", "messages", "drawn", *heads])


def _invariance(invariance: Mapping[str, Any]) -> str:
    rows = []
    for name in CHANGES:
        kind = "invisible" if name in INVISIBLE else "harmless" if name in HARMLESS else "slips"
        cells = [own.get(name) for own in invariance.values()]
        shown = [f"{percent(c['flipped'])} ({c['messages']})" if c else "–" for c in cells]
        rows.append([kind, name.replace("_", " "), *shown])
    return markdown_table(rows, ["", "change", *(LANGUAGE_NAMES[language] for language in invariance)])


def _pictures(figures: Sequence[str], *beginnings: str) -> Iterator[str]:
    for name in figures:
        if name.startswith(beginnings):
            title = name.removesuffix(".png").replace("_", " ").capitalize()
            yield f"![{title}]({name})"


def _interval(estimate: Mapping[str, float] | None) -> str:
    if estimate is None:
        return _TOO_FEW
    return f"{estimate['value']:.3f} ({estimate['low']:.3f}–{estimate['high']:.3f})"


def _share(estimate: Mapping[str, float] | None) -> str:
    return _TOO_FEW if estimate is None else percent(estimate["value"])
