"""A retraining, stage by stage; what is already in the run folder is not done again."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import torch
from rich.console import Console

from escalate.bundle import LANGUAGE_CLASSES, read_manifest, released_bundle
from escalate.policy import OUTPUTS
from training.bundle.bundling import refuse_other_folder
from training.bundle.calibrating import expect_other
from training.corpus.messages import Message, read_split
from training.errors import RunError
from training.fitting.distillation import STUDENT_FILE, distil
from training.fitting.examples import Examples, examples_of
from training.fitting.fine_tuning import start_heads_from_probe
from training.fitting.pipeline import prepare_base
from training.fitting.recipe import StageSettings
from training.network.base_encoder import BaseEncoder
from training.network.early_exit import EarlyExit, Network, members
from training.network.model import EscalationModel, keep_layers
from training.network.restoring import read_network
from training.network.weights import load_weights, save_weights
from training.printing import say
from training.retraining.announcing import announce_data, announce_time
from training.retraining.estimating import estimate_time
from training.retraining.learning import choose_watched, learn
from training.retraining.mixing import mix, without
from training.retraining.plan import Plan, Record, find_record, write_record
from training.tickets.own_corpus import FOLDER, OwnCorpus, find_learned, read_own_corpus, write_own_corpus
from training.tickets.reading import read_tickets
from training.tickets.splitting import split_tickets

_NETWORK: Final = "network.safetensors"
_START: Final = "start.safetensors"

_console = Console(stderr=True)


@dataclass(frozen=True)
class Trained:
    """A finished training.

    Attributes:
        network: The network to serve.
        base: Its encoder with the tokenizer.
        own: The own messages.
        corpus: Messages of the corpus by split, those of own validation and test texts left out.
        record: What the run was started with.
    """

    network: Network
    base: BaseEncoder
    own: OwnCorpus
    corpus: Mapping[str, list[Message]]
    record: Record


def retrain(plan: Plan, folder: Path, out: Path) -> Trained:
    """Train on own tickets; an interrupted training goes on when the same is asked for again.

    Args:
        plan: What to train on, and how.
        folder: The run folder.
        out: Where the bundle is to go; it is only checked here.

    Raises:
        BaseEncoderError: The network to start from cannot be read.
        BundleError: The bundle to start from cannot be read.
        CorpusError: The tickets or the corpus cannot be used.
        ExportError: ``out`` exists and is no bundle.
        RunError: The folder holds a run of another plan or something else, ``out`` would replace the
            folder or a bundle that is still needed, or there is an output that nothing is known of.
    """
    _refuse_out(plan, folder, out)
    record = find_record(plan, folder)
    own = _own_corpus(plan, record, folder)
    corpus = _corpus(plan, own)
    passes = plan.passes(len(own.splits["train"]))
    announce_data(own, plan.own_share, passes, _console)
    messages = [*own.splits["train"], *corpus["train"]]
    examples = mix(own.splits["train"], corpus["train"], plan.own_share, passes, plan.seed)
    network, base = _network(plan, messages, folder)
    model = members(network)[0]
    if not (folder / _NETWORK).is_file():
        watched = choose_watched(own.splits["validation"], plan.seed)
        settings = plan.settings(model.encoder.config.num_hidden_layers, len(own.splits["train"]))
        expected = estimate_time(network, base, examples, watched, settings, plan.student)
        # Each message is read quantised; those of the test split also by the other forms and models.
        read = len(own.splits["validation"]) + len(corpus["validation"]) + 6 * len(own.splits["test"])
        has_heads = plan.start_bundle is not None or (folder / _START).is_file()
        announce_time(expected, len(watched), read, _console, probed=0 if has_heads else len(messages))
        if plan.start_bundle is None:
            model = _with_heads(model, base, plan, messages, folder)
        _train(model, base, examples, watched, settings, folder, plan.seed)
        # The trainer leaves a network behind that computes in bf16.
        network, base = _network(plan, messages, folder)
    if isinstance(network, EarlyExit):
        _load_with_student(network, base, plan, examples, folder)
    else:
        load_weights(network, folder / _NETWORK)
    if plan.start_bundle is None:
        # Other starts were made to expect few other languages when they were exported.
        learned = [LANGUAGE_CLASSES[i] for i in examples.languages]
        expect_other(network, learned, plan.recipe.other_share)
    return Trained(network.eval(), base, own, corpus, record)


def _refuse_out(plan: Plan, folder: Path, out: Path) -> None:
    refuse_other_folder(out)
    if out.resolve() in (folder.resolve(), *folder.resolve().parents):
        raise RunError(f"{out} would replace the run in {folder}; name another folder with --out or --run")
    for bundle in (plan.start_bundle, released_bundle()):
        if bundle is not None and bundle.resolve() == out.resolve():
            raise RunError(f"{out} is a model that is still needed; name another folder with --out")


def _own_corpus(plan: Plan, record: Record, folder: Path) -> OwnCorpus:
    """Return the own messages in three splits; tickets are read and split only once in a run."""
    if (folder / FOLDER).is_dir():
        return read_own_corpus(folder / FOLDER)
    tickets = read_tickets(plan.source, plan.columns)
    split = split_tickets(tickets, plan.split, plan.seed, _learned_by_start(plan))
    _refuse_unlabelled(plan, split.train)
    _refuse_constant(plan, tickets.messages)
    write_record(record, folder)
    return write_own_corpus(tickets, split, folder / FOLDER)


def _learned_by_start(plan: Plan) -> set[str]:
    """Return the own texts that the start, or a model before it, has learned: they can judge no later one."""
    if plan.start_bundle is None:
        return set()
    learned = find_learned(plan.start_bundle, read_manifest(plan.start_bundle))
    for sha256 in learned.missing:
        say(
            _console,
            f"Messages that {plan.start_bundle} was trained with are not to be found in runs/ (corpus "
            f"{sha256[:12]}…): the new test split may hold some of them, and the new model look better than "
            "it is.",
            "yellow",
        )
    return learned.texts()


def _refuse_constant(plan: Plan, messages: Sequence[Message]) -> None:
    for output in OUTPUTS:
        labels = {message.label(output) for message in messages} - {None}
        if len(labels) == 1:
            raise RunError(
                f"every label of {output} in {plan.source} is {labels.pop()}, so that nothing can be learned "
                f"from it; correct the column, or leave it out with --{output.replace('_', '-')} ''"
            )


def _refuse_unlabelled(plan: Plan, train: Sequence[Message]) -> None:
    kinds = {output: {m.label(output) for m in train} - {None} for output in OUTPUTS}
    if not any(kinds.values()):
        raise RunError(
            f"{plan.source} has no labels to train; name their columns, such as --complexity COLUMN"
        )
    one_sided = [output for output in OUTPUTS if len(kinds[output]) < 2]
    if one_sided and plan.own_share == 1:
        raise RunError(
            f"{plan.source} has not both labels of {', '.join(one_sided)} to train, and --own-share 1 mixes "
            "in no corpus that has; lower --own-share"
        )


def _corpus(plan: Plan, own: OwnCorpus) -> dict[str, list[Message]]:
    """Return the corpus' train and validation messages, without texts that stand in later own splits."""
    held_out = [*own.splits["validation"], *own.splits["test"]]
    return {
        "train": without(read_split(plan.corpus, "train"), held_out),
        "validation": without(read_split(plan.corpus, "validation"), own.splits["test"]),
    }


def _network(plan: Plan, messages: Sequence[Message], folder: Path) -> tuple[Network, BaseEncoder]:
    """Return the network to start from and its encoder; on the base encoder the heads know nothing yet."""
    if plan.start_bundle is not None:
        return read_network(plan.start_bundle)
    base = prepare_base(messages, plan.recipe, folder / "base")
    return EscalationModel(keep_layers(base.model, list(plan.recipe.teacher.layers))), base


def _load_with_student(
    network: EarlyExit, base: BaseEncoder, plan: Plan, examples: Examples, folder: Path
) -> None:
    """Load the retrained teacher, and let the student, which shares its lowest layers, follow."""
    before = copy.deepcopy(network.teacher.state_dict())
    load_weights(network.teacher, folder / _NETWORK)
    after = network.teacher.state_dict()
    if all(torch.equal(tensor, before[name]) for name, tensor in after.items()):
        return
    if (folder / STUDENT_FILE).is_file():
        load_weights(network.student, folder / STUDENT_FILE)
        return
    say(_console, "The student that answers early follows")
    recipe = replace(plan.recipe, student=plan.student)
    shared = network.shared_layers
    with _resumable(folder):
        distil(network.student, network.teacher, base.tokenizer, examples, recipe, shared, folder, plan.seed)


@contextmanager
def _resumable(folder: Path) -> Iterator[None]:
    """Say what to do after an interruption."""
    try:
        yield
    except KeyboardInterrupt:
        raise RunError(
            f"interrupted; the same command goes on from the last checkpoint in {folder}"
        ) from None


def _with_heads(
    model: EscalationModel, base: BaseEncoder, plan: Plan, messages: Sequence[Message], folder: Path
) -> EscalationModel:
    """Give a base encoder the heads of a linear probe."""
    if (folder / _START).is_file():
        load_weights(model, folder / _START)
        return model
    say(_console, "Linear probe of the frozen base encoder")
    start_heads_from_probe(model, base.tokenizer, examples_of(messages), plan.recipe.teacher.max_tokens)
    save_weights(model, folder / _START)
    return model.cpu()


def _train(
    model: EscalationModel,
    base: BaseEncoder,
    examples: Examples,
    watched: Sequence[Message],
    settings: StageSettings,
    folder: Path,
    seed: int,
) -> None:
    with _resumable(folder):
        better = learn(model, base, examples, watched, settings, folder / "training", seed)
    if not better:
        say(
            _console,
            "No step lowered the validation loss: the network stays as it started. Only its calibration and "
            "policy are new (after an older model also its text normaliser). Check the labels, or add "
            "messages.",
            "yellow",
        )
    save_weights(model, folder / _NETWORK)
