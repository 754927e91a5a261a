"""A retraining, stage by stage; what is already in the run folder is not done again."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from rich.console import Console

from escalate.bundle import LANGUAGE_CLASSES, released_bundle
from escalate.policy import OUTPUTS
from training.bundle.bundling import refuse_other_folder
from training.corpus.messages import Message, read_split
from training.errors import RunError
from training.evaluation.tables import LANGUAGE_NAMES, OUTPUT_NAMES
from training.fitting.examples import Examples, examples_of
from training.fitting.fine_tuning import start_heads_from_probe
from training.fitting.pipeline import load_weights, prepare_base, save_weights
from training.fitting.recipe import StageSettings
from training.network.base_encoder import BaseEncoder
from training.network.from_bundle import read_network
from training.network.model import EscalationModel, keep_layers
from training.retraining.learning import Estimate, Watched, choose_watched, estimate, learn
from training.retraining.mixing import corpus_messages, mix, without
from training.retraining.plan import Plan, Record, claim
from training.tickets.own_corpus import FOLDER, OwnCorpus, read_own_corpus, write_own_corpus
from training.tickets.reading import read_tickets
from training.tickets.splitting import split_tickets

_NETWORK: Final = "network.safetensors"
_START: Final = "start.safetensors"

_console = Console(stderr=True, soft_wrap=True)


@dataclass(frozen=True)
class Trained:
    """A finished training.

    Attributes:
        model: The network.
        base: Its encoder with the tokenizer.
        own: The own messages.
        corpus: Messages of the corpus by split, those of own validation and test texts left out.
        record: What the run was started with.
    """

    model: EscalationModel
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
        CorpusError: The tickets or the corpus cannot be used.
        ExportError: ``out`` exists and is no bundle.
        RunError: The folder holds a run of another plan, ``out`` is the bundle to start from, or there
            is an output that nothing is known of.
    """
    _refuse_out(plan, out)
    source = None if (folder / FOLDER).is_dir() else read_tickets(plan.source, plan.columns)
    split = None if source is None else split_tickets(source, plan.split, plan.seed)
    if split is not None:
        _refuse_unlabelled(plan, split.train)
    record = claim(plan, folder)
    if source is not None and split is not None:
        own = write_own_corpus(source, split, folder / FOLDER)
    else:
        own = read_own_corpus(folder / FOLDER)
    corpus = _corpus(plan, own)
    _report(plan, own, corpus, folder)
    model, base = _start(plan, own, corpus, folder)
    if not (folder / _NETWORK).is_file():
        examples = mix(own.splits["train"], corpus["train"], plan.own_share, plan.epochs, plan.seed)
        watched = choose_watched(own.splits["validation"], corpus["validation"], plan.seed)
        settings = plan.settings(model.encoder.config.num_hidden_layers)
        _announce(estimate(model, base, examples, watched.messages, settings), watched, own, corpus)
        _train(model, base, examples, watched, settings, folder, plan.seed)
        # The trainer leaves a network behind that computes in bf16.
        model, base = _start(plan, own, corpus, folder)
    load_weights(model, folder / _NETWORK)
    return Trained(model.eval(), base, own, corpus, record)


def _refuse_out(plan: Plan, out: Path) -> None:
    refuse_other_folder(out)
    for bundle in (plan.start_bundle, released_bundle()):
        if bundle is not None and bundle.resolve() == out.resolve():
            raise RunError(f"{out} is a model that is still needed; name another folder with --out")


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
    held_out = [*own.splits["validation"], *own.splits["test"]]
    return {
        "train": without(read_split(plan.corpus, "train"), held_out),
        "validation": without(read_split(plan.corpus, "validation"), own.splits["test"]),
    }


def _start(
    plan: Plan, own: OwnCorpus, corpus: Mapping[str, Sequence[Message]], folder: Path
) -> tuple[EscalationModel, BaseEncoder]:
    bundle = plan.start_bundle
    if bundle is not None:
        return read_network(bundle)
    messages = [*own.splits["train"], *corpus["train"]]
    base = prepare_base(messages, plan.recipe, folder / "base")
    model = EscalationModel(keep_layers(base.model, list(plan.recipe.teacher.layers)))
    if (folder / _START).is_file():
        load_weights(model, folder / _START)
        return model, base
    _console.print("Linear probe of the frozen base encoder")
    start_heads_from_probe(model, base.tokenizer, examples_of(messages), plan.recipe.teacher.max_tokens)
    save_weights(model, folder / _START)
    return model.cpu(), base


def _train(
    model: EscalationModel,
    base: BaseEncoder,
    examples: Examples,
    watched: Watched,
    settings: StageSettings,
    folder: Path,
    seed: int,
) -> None:
    try:
        better = learn(model, base, examples, watched.messages, settings, folder / "training", seed)
    except KeyboardInterrupt:
        raise RunError(
            f"interrupted; the same command goes on from the last checkpoint in {folder}"
        ) from None
    if not better:
        _console.print(
            "[yellow]No step lowered the validation loss: the network stays as it started.[/yellow] "
            "Only its calibration and policy are new. Check the labels, or add messages."
        )
    save_weights(model, folder / _NETWORK)


def _report(plan: Plan, own: OwnCorpus, corpus: Mapping[str, Sequence[Message]], folder: Path) -> None:
    """Say what the own messages hold, how they are split, and what stands beside them."""
    every = [message for messages in own.splits.values() for message in messages]
    languages = Counter(message.language for message in every)
    counts = ", ".join(f"{languages[n]:,} {LANGUAGE_NAMES[n]}" for n in LANGUAGE_CLASSES if languages[n])
    sizes = ", ".join(f"{len(messages):,} {name}" for name, messages in own.splits.items())
    _console.print(f"[bold]{len(every):,} messages[/bold] ({counts})")
    _console.print(f"{own.reason} {sizes}; they are in {folder / FOLDER}")
    train = own.splits["train"]
    for output in OUTPUTS:
        labels = [label for message in train if (label := message.label(output)) is not None]
        name = OUTPUT_NAMES[output]
        if labels:
            _console.print(f"  {name}: {len(labels):,} labels to train, {sum(labels):,} of them yes")
        else:
            _console.print(f"  {name}: no labels of yours; it keeps what the corpus teaches")
    beside = corpus_messages(len(train), plan.own_share)
    _console.print(
        f"In each of {plan.epochs} passes {len(train):,} of yours ({plan.own_share:.0%}) and "
        f"{beside:,} of the corpus are learned"
    )


def _announce(
    expected: Estimate, watched: Watched, own: OwnCorpus, corpus: Mapping[str, Sequence[Message]]
) -> None:
    whose = "of yours" if watched.own else "of the corpus, as too few of yours are labelled,"
    _console.print(
        f"Training stops early when the loss on {len(watched.messages):,} validation messages {whose} "
        "no longer falls"
    )
    # Each message is read quantised; those of the test split also by the other forms and models.
    read = len(own.splits["validation"]) + len(corpus["validation"]) + 6 * len(own.splits["test"])
    _console.print(
        f"[bold]About {duration(expected.seconds)}[/bold] on this machine for at most {expected.steps:,} "
        f"steps of {expected.step:.2f} s, and about {duration(60 + read * expected.reading)} to measure and "
        "write the bundle"
    )


def duration(seconds: float) -> str:
    """Return a duration for a person."""
    if seconds < 90:
        return f"{max(1, round(seconds))} seconds"
    minutes = round(seconds / 60)
    return f"{minutes} minutes" if minutes < 90 else f"{minutes // 60} h {minutes % 60:02d} min"
