"""The model card of a bundle, generated from its manifest."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from escalate.policy import OUTPUTS
from training.bundle.calibrating import OWN
from training.evaluation.tables import (
    baselines_table,
    operation_table,
    pairs_table,
    quality_table,
    seeds_table,
)
from training.formatting import LANGUAGE_NAMES, OUTPUT_NAMES, markdown_table, percent
from training.tickets.own_corpus import PROJECT


def model_card(manifest: Mapping[str, Any]) -> str:
    """Return the model card as Markdown.

    Args:
        manifest: A manifest whose ``metrics`` come from ``training.bundle.bundling``.
    """
    metrics, base, data = manifest["metrics"], manifest["base"], manifest["data"]
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

- Messages recognised as being in another language are answered with `supported: false`; how many are
  recognised stands below. Short texts that could be of several languages (names, one English word) may
  be taken for one of the four or for none.
{_limits_of(data)}
- Irony and feelings that are only implied are often misread, as is whether a firm can settle a request
  in one step; Hebrew and Arabic in Latin letters may be read worse than in their own, and
  take twice the time, for they are read as typed and written back in their own letters.
- A message of more than {manifest["window"]} tokens is read in windows and the highest value
  counts, so very long messages score higher than short ones.

## How it was made

| | |
|---|---|
| base encoder | {base["name"]}, {base["licence"]} licence, from {base["source"]}, {base["pieces"]:,} pieces kept |
{_made_of(manifest)}
| commit | {_commits(manifest)} |
| licence of the weights | {_weights(data, base["licence"])} |

## Measured on the test split

{metrics["messages"]:,} messages {_held_out(data)}{_without_labels(metrics)}.
Macro-F1 at probability 0.5, area under the ROC curve in brackets.

{quality_table(metrics["languages"])}

{_languages(data, metrics["language"])}

Contrast pairs (two messages that differ in a few words and one label) where both are right, and the
expected calibration error (in brackets what right probabilities exceed in one of twenty test splits of this size):

{pairs_table(metrics["languages"])}

### Beside simple models

Macro-F1, {_beside(data)}:

{baselines_table(metrics["languages"], metrics["baselines"])}

{_seed_by_seed(metrics.get("seeds"))}{_border(metrics["operation"])}### Quantised against float32

The served model computes in 8-bit integers, but for a few channels. On the test split, against the same network in float32:

{_parity(metrics["parity"])}
{_student(metrics.get("student"))}"""


def _without_labels(metrics: Mapping[str, Any]) -> str:
    others = metrics["messages"] - sum(language["messages"] for language in metrics["languages"].values())
    return (
        f"; {others:,} of them, in other languages or without words, test the language only" if others else ""
    )


def _languages(data: Mapping[str, Any], measured: Mapping[str, Any]) -> str:
    if not data.get("languages_given", True):
        return "The languages of these messages were read by a model, so that they measure nothing."
    others = measured["other_recall"]
    known = f"The language is right for {measured['accuracy']:.1%} of the messages"
    if others is None:
        return f"{known}; none is in another language or without words."
    return f"{known}; of those in other languages or\nwithout words {others:.1%} are recognised as such."


def _limits_of(data: Mapping[str, Any]) -> str:
    if data["origin"] == PROJECT:
        return """- The training messages were written for this project, not taken from customers. Words, firms and
  habits that they do not hold are known only through the base encoder."""
    own = f"""- The training messages are those of whoever trained this model ({data["messages"]["train"]:,} messages); the
  project that wrote the software has not seen them. What they hold, and what they leave out, decides
  where this model may be used."""
    if "corpus" not in data:
        return own
    unlabelled = [OUTPUT_NAMES[output] for output in OUTPUTS if not data["labels"][output]["known"]]
    only = (
        f" These have no labels for {', '.join(unlabelled)}: that is learned from the others."
        if unlabelled
        else ""
    )
    return f"""{own}{only}
- Beside them stood messages of a corpus ({data["corpus"]["drawn"]:,}, {data["corpus"]["licence"]}), so that {data["own_share"]:.0%} of what
  was learned were own messages. In what the own messages do not hold it answers as that corpus taught."""


def _commits(manifest: Mapping[str, Any]) -> str:
    trained = manifest["commit"]
    exported = manifest.get("export_commit", trained)  # Models before 0.9.0 do not name it.
    return f"`{trained}`" if trained == exported else f"trained at `{trained}`, exported at `{exported}`"


def _made_of(manifest: Mapping[str, Any]) -> str:
    data, recipe = manifest["data"], manifest["recipe"]
    counts = (
        f"{data['messages']['train']:,} messages to train, {data['messages']['validation']:,} for validation"
    )
    whole = f"{counts}, {data['licence']}, SHA-256 `{data['sha256']}`"
    if "labels" not in data:
        return f"""| network | {_network(recipe)}{_averaged_with(manifest)} |
| data | {whole} |
| seeds | {", ".join(map(str, recipe["seeds"]))} |"""
    start = manifest.get("start")
    network = f"model {start['version']}, trained further" if start else "the base encoder, fine-tuned"
    labels = "; ".join(
        f"{OUTPUT_NAMES[output]} {data['labels'][output]['known']:,} ({data['labels'][output]['positive']:,} yes)"
        for output in OUTPUTS
    )
    corpus = (
        f"\n| beside them | {data['corpus']['drawn']:,} messages of a corpus, "
        f"{data['corpus']['licence']}, SHA-256 `{data['corpus']['sha256']}` |"
        if "corpus" in data
        else ""
    )
    return f"""| network | {network} |
| own data | {whole} |
| own labels to train | {labels} |
| split | {data["split"]} |{corpus}
| calibrated on | {_calibrated(data["calibrated_on"])} |
| seed | {recipe["seed"]} |"""


def _calibrated(calibrated_on: Mapping[str, Mapping[str, str]]) -> str:
    """Say for which languages and outputs the own messages alone were enough."""
    alone = [
        f"{LANGUAGE_NAMES[language]} {OUTPUT_NAMES[output]}"
        for language, outputs in calibrated_on.items()
        for output, where in outputs.items()
        if where == OWN
    ]
    if not alone:
        return "own messages and the corpus together"
    return f"own messages alone: {', '.join(alone)}; the rest on own messages and the corpus together"


def _weights(data: Mapping[str, Any], base: str) -> str:
    notice = f"the base encoder's {base} notice is in NOTICE"
    if data["origin"] == PROJECT:
        return f"Apache-2.0; {notice}"
    return f"for whoever trained it to say; the software and its released model are Apache-2.0, {notice}"


def _held_out(data: Mapping[str, Any]) -> str:
    if data["origin"] == PROJECT:
        return "in voices and about situations that are not in the training data"
    return "that were kept out of training"


def _beside(data: Mapping[str, Any]) -> str:
    if "labels" not in data:
        return "trained on the same messages"
    return "the released model as it was, and simple models trained on own messages and the corpus"


def _seed_by_seed(seeds: Mapping[str, Any] | None) -> str:
    if not seeds:
        return ""
    return f"""### Seed by seed

The teachers whose weights were averaged differ in chance alone: in the order of the messages and in their
variants. Each alone, in float32, of each message the first window as typed, at probability 0.5 before calibration:

{seeds_table(seeds)}

"""


def _border(operation: Mapping[str, Any]) -> str:
    if not operation:
        return ""
    return f"""### The border in service

Of the test messages, how many must reach a person (complex, negative or asked for one); how many
stay with the bot when 95 % of those are to reach a person; and how many of those reach one when
20 % of all messages are handed over, the most pressing first (at most 20 % divided by the first column).

{operation_table(operation)}

"""


def _network(recipe: Mapping[str, Any]) -> str:
    count, layers = len(recipe["seeds"]), len(recipe["teacher"]["layers"])
    teachers = f"{count} teachers of {layers} layers" if count > 1 else f"one teacher of {layers} layers"
    whole = f"mean of the weights of {teachers}" if count > 1 else teachers
    if not recipe.get("exit_margin"):
        return whole
    student, shared = len(recipe["student"]["layers"]), recipe["shared_layers"]
    return f"{whole}; a student of {student} layers on the lowest {shared} answers where it is sure"


def _averaged_with(manifest: Mapping[str, Any]) -> str:
    if not (other := manifest.get("averaged_with")):
        return ""
    share = manifest["recipe"]["released_share"]
    return (
        f"; {share:.0%} of the weights are those of model {other['version']}, which learned an earlier corpus"
    )


def _student(student: Mapping[str, Any] | None) -> str:
    if not student:
        return ""
    rows = [
        [LANGUAGE_NAMES[language], percent(values["early"]), percent(values["same_decisions"])]
        for language, values in student.items()
    ]
    table = markdown_table(rows, ["", "answered early", "of these, same decisions"])
    return f"""
### The student beside the whole network

Where the student is sure its answer is served, and the other layers are not computed. On the test split, in
float32, of each message the first window:

{table}
"""


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
