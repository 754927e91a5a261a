"""From a finished retraining to a bundle."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from random import Random
from typing import Any, Final

from rich.console import Console

from escalate import Classifier
from escalate.bundle import load_bundle, read_manifest
from escalate.policy import OUTPUTS
from training.bundle.bundling import Draft, Origin, draft_bundle, write_bundle
from training.bundle.export import CORPUS_LICENCE, USER_LICENCE, moved_decisions, require_same_network
from training.bundle.parity import compare_forms, compare_student
from training.corpus.messages import Message, corpus_hash, is_project
from training.evaluation.answers import answer, evaluate, evaluate_baselines
from training.evaluation.baselines import MOST_LEARNED
from training.fitting.recipe import Recipe
from training.network.early_exit import EarlyExit, Network, members
from training.network.restoring import bundle_identity
from training.printing import say
from training.retraining.mixing import at_most, drawn_messages
from training.retraining.plan import Plan
from training.retraining.retrain import Trained
from training.tickets.own_corpus import USER, learned_corpora

# Of more messages a part says as much.
_COMPARED: Final = 1000

# A share of decisions is judged in languages of so many messages.
_ENOUGH: Final = 100

_console = Console(stderr=True)


def export_retrained(trained: Trained, plan: Plan, version: str, folder: Path) -> Path:
    """Quantise, calibrate and measure a retrained network, and write its bundle.

    Calibration goes by the own validation messages where they are enough, by language and output, else
    by those and the corpus' together; base rates likewise.

    Args:
        trained: The finished training.
        plan: Its plan.
        version: Version of the model.
        folder: Where the bundle goes; a bundle there is replaced when the new one is whole.

    Returns:
        ``folder``.

    Raises:
        ExportError: There are too few labels to calibrate, or the forms of the network disagree.
    """
    own, network, base = trained.own.splits, trained.network, trained.base
    say(_console, "Quantising and calibrating")
    draft = draft_bundle(
        network, base, _serving(plan), own["train"], own["validation"],
        trained.corpus["train"], trained.corpus["validation"],
    )  # fmt: skip
    random = Random(plan.seed)
    parity = _parity(trained, draft, random)
    say(_console, "Measuring on the own test split, beside simple models")
    metrics = {**_measure(trained, draft, version, random), "parity": parity}
    if isinstance(network, EarlyExit):
        metrics["student"] = compare_student(network, base, draft, own["test"])
    origin = Origin(
        commit=trained.record.commit,
        recipe=_recipe(plan, network, len(own["train"])),
        data=_describe(trained, plan, draft),
        start=bundle_identity(plan.start_bundle) if plan.start_bundle else None,
    )
    write_bundle(draft, folder, version, base, origin, metrics)
    return folder


def _recipe(plan: Plan, network: Network, messages: int) -> dict[str, Any]:
    """Return how a network learned so many own messages, and its student followed where it has one."""
    recipe = plan.to_dict(members(network)[0].encoder.config.num_hidden_layers, messages)
    if isinstance(network, EarlyExit):
        layers = range(network.shared_layers, network.student.encoder.config.num_hidden_layers)
        student = replace(plan.student, layers=tuple(layers), copies=plan.passes(messages))
        recipe["student"] = asdict(student)
        recipe |= {"exit_margin": network.margin, "shared_layers": network.shared_layers}
    return recipe


def _parity(trained: Trained, draft: Draft, random: Random) -> dict[str, dict[str, Any]]:
    """Return how alike the forms of the network answer; decisions that quantising moves are only told."""
    test = trained.own.splits["test"]
    parity = compare_forms(trained.network, trained.base, draft, at_most(test, _COMPARED, random))
    require_same_network(parity)
    counts = Counter(message.language for message in test)
    enough = {language: values for language, values in parity.items() if counts[language] >= _ENOUGH}
    for sentence in moved_decisions(enough):
        say(_console, sentence, "yellow")
    return parity


def _measure(trained: Trained, draft: Draft, version: str, random: Random) -> dict[str, Any]:
    """Return the metrics of the new model on the own test split, with those of others as baselines."""
    own = trained.own.splits
    learned = at_most([*own["train"], *trained.corpus["train"]], MOST_LEARNED, random)
    return {
        **evaluate(answer(Classifier(draft.bundle(version)), own["test"])),
        "baselines": {
            "released model": evaluate(answer(Classifier.load(), own["test"]))["languages"],
            **evaluate_baselines(learned, own["test"]),
        },
    }


def _serving(plan: Plan) -> Recipe:
    """Return the recipe with the window of the bundle that training went on from."""
    if plan.start_bundle is None:
        return plan.recipe
    bundle = load_bundle(plan.start_bundle)
    return replace(plan.recipe, window=bundle.window, overlap=bundle.overlap)


def _describe(trained: Trained, plan: Plan, draft: Draft) -> dict[str, Any]:
    """Return what the manifest says of the training data; file names and texts are the user's secret."""
    own = trained.own
    sha256 = corpus_hash(own.folder)
    before = learned_corpora(read_manifest(plan.start_bundle)) if plan.start_bundle else []
    data: dict[str, Any] = {
        "origin": USER,
        "sha256": sha256,
        "learned": list(dict.fromkeys([*before, sha256])),
        "messages": {name: len(messages) for name, messages in own.splits.items()},
        "licence": USER_LICENCE,
        "labels": {output: _counts(own.splits["train"], output) for output in OUTPUTS},
        "split": own.method,
        "languages_given": own.languages_given,
        "own_share": plan.own_share,
        "calibrated_on": draft.calibrated_on,
        "calibration_corpus": corpus_hash(plan.corpus),
    }
    if plan.own_share < 1:
        learned, beside = len(own.splits["train"]), len(trained.corpus["train"])
        data["corpus"] = {
            "sha256": corpus_hash(plan.corpus),
            "messages": {name: len(messages) for name, messages in trained.corpus.items()},
            "drawn": drawn_messages(learned, beside, plan.own_share, plan.passes(learned)),
            "licence": CORPUS_LICENCE if is_project(plan.corpus) else USER_LICENCE,
        }
    return data


def _counts(messages: Sequence[Message], output: str) -> dict[str, int]:
    labels = [label for message in messages if (label := message.label(output)) is not None]
    return {"known": len(labels), "positive": sum(labels)}
