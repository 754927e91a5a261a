"""The model card of a bundle, generated from its manifest."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from training.evaluation.tables import (
    LANGUAGE_NAMES,
    baselines_table,
    markdown_table,
    operation_table,
    pairs_table,
    quality_table,
)


def model_card(manifest: Mapping[str, Any]) -> str:
    """Return the model card as Markdown.

    Args:
        manifest: A manifest whose ``metrics`` come from ``training.bundle.bundling``.
    """
    metrics, base, data = manifest["metrics"], manifest["base"], manifest["data"]
    language = metrics["language"]
    return f"""# escalate model {manifest["version"]}

Reads one customer message in Hebrew, Arabic, Czech or English and gives the probability that the
request is complex, that the writer shows negative feeling and that they ask for a person, and the
language of the message.

## Intended use

A support bot asks the model before it replies, and hands over or offers a person where the policy
says so; analysts score historical messages. Messages are customer messages of a few words to a few
paragraphs: chat, SMS, e-mail, reviews, survey answers, posts, voice transcripts.

Not intended for decisions about people (employment, credit, health), for monitoring staff, or as
the only way to reach a person: a customer must always be able to ask for one in other ways too.

## Limits

- Other languages are answered with `supported: false`. Short texts that could be of several
  languages (names, one English word) may be taken for one of the four or for none.
- The training messages were written for this project, not taken from customers. Words, firms and
  habits that they do not hold are known only through the base encoder.
- Sarcasm, quotations and jokes are the commonest errors in sentiment; terse messages whose
  difficulty is not said in words are the commonest in complexity.
- A message of more than {manifest["window"]} tokens is read in windows and the highest value
  counts, so very long messages score higher than short ones.

## How it was made

| | |
|---|---|
| base encoder | {base["name"]}, {base["licence"]} licence, from {base["source"]}, {base["pieces"]:,} pieces kept |
| network | {_network(manifest["recipe"])} |
| data | {data["messages"]["train"]:,} messages to train, {data["messages"]["validation"]:,} to calibrate, {data["licence"]}, SHA-256 `{data["sha256"]}` |
| seeds | {", ".join(map(str, manifest["recipe"]["seeds"]))} |
| commit | `{manifest["commit"]}` |
| licence of the weights | Apache-2.0; the base encoder's {base["licence"]} notice is in NOTICE |

## Measured on the test split

{metrics["messages"]:,} messages by writers and about situations that are not in the training data.
Macro-F1 at probability 0.5, area under the ROC curve in brackets.

{quality_table(metrics["languages"])}

The language is right for {language["accuracy"]:.1%} of the messages; of those in other languages or
without words {language["other_recall"]:.1%} are recognised as such.

Contrast pairs (two messages that differ in a few words and one label) where both are right, and the
expected calibration error:

{pairs_table(metrics["languages"])}

### Beside simple models

Macro-F1, trained on the same messages:

{baselines_table(metrics["languages"], metrics["baselines"])}

### The border in service

Of the test messages, how many must reach a person (complex, negative or asked for one); how many
stay with the bot when 95 % of those are to reach a person; and how many of those reach one when
20 % of all messages are handed over, the most pressing first.

{operation_table(metrics["operation"])}

### Quantised against float32

The served model computes in 8-bit integers. On the test split, against the same network in float32:

{_parity(metrics["parity"])}
"""


def _network(recipe: Mapping[str, Any]) -> str:
    teachers = f"{len(recipe['seeds'])} teachers of {len(recipe['teacher']['layers'])} layers"
    if recipe["served"] == "teacher":
        return f"mean of the weights of {teachers}"
    return f"{len(recipe['student']['layers'])} layers distilled from {teachers}"


def _parity(parity: Mapping[str, Any]) -> str:
    rows = [
        [
            LANGUAGE_NAMES[language],
            f"{values['same_decisions']:.2%}",
            f"{values['difference_p99']:.4f}",
            f"{values['torch_difference']:.1e}",
        ]
        for language, values in parity.items()
    ]
    return markdown_table(
        rows,
        ["", "same decisions", "99th percentile of the difference", "float32 ONNX against torch"],
    )
