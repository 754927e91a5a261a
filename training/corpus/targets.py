"""The targets of the project's own corpus: size, balance, and labels by a second annotator."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from escalate.bundle import LANGUAGE_CLASSES
from escalate.policy import LANGUAGES, OUTPUTS
from training.corpus.messages import SPLITS, Message
from training.corpus.problems import Problem, error, warning
from training.corpus.splitting import SHARES
from training.corpus.statistics import LABEL_SHARES, LENGTH_SHARES, Numbers, by_language, second_labelled


@dataclass(frozen=True, slots=True)
class Targets:
    """What the project's corpus must reach; ranges and shares are 0..1.

    Attributes:
        messages: Fewest messages of each of the four languages.
        other_messages: Fewest messages in other languages or without words.
        pairs: Fewest contrast pairs of a language.
        quadrant: Range of each quadrant of complexity and negative sentiment among the tickets.
        human_requested: Range of the tickets that ask for a person.
        public: Range of the public messages.
        lengths: Shares of short, medium and long messages.
        length_tolerance: How far a share may be from ``lengths``.
        split_tolerance: How far a split may be from its share.
        kappa: Least agreement of the second annotator, Cohen's kappa.
        second_labelled_train: Least share of the training messages with second labels.
    """

    messages: int = 3000
    other_messages: int = 1000
    pairs: int = 300
    quadrant: tuple[float, float] = (0.20, 0.30)
    human_requested: tuple[float, float] = (0.12, 0.18)
    public: tuple[float, float] = (0.25, 0.42)
    lengths: tuple[float, float, float] = (0.25, 0.50, 0.25)
    length_tolerance: float = 0.06
    split_tolerance: float = 0.02
    kappa: float = 0.80
    second_labelled_train: float = 0.10


def check_sizes(sizes: Numbers, targets: Targets) -> Iterator[Problem]:
    """Compare the counts and the splits of every language with the targets."""
    for language in LANGUAGE_CLASSES:
        numbers = sizes.get(language, {})
        wanted = targets.other_messages if language == "other" else targets.messages
        messages = numbers.get("messages", 0)
        if messages < wanted:
            yield error("size", f"{language}: {messages:,} messages; at least {wanted:,} are wanted")
        if language != "other" and numbers.get("pairs", 0) < targets.pairs:
            yield error(
                "size",
                f"{language}: {numbers.get('pairs', 0)} contrast pairs; at least {targets.pairs} are wanted",
            )
        for split, share in zip(SPLITS, SHARES, strict=True):
            found = numbers.get(f"{split}_share")
            if found is not None and abs(found - share) > targets.split_tolerance:
                yield warning(
                    "size",
                    f"{language}: {found:.1%} of the messages are in {split}; {share:.0%} ± "
                    f"{targets.split_tolerance:.0%} are wanted: split again",
                )


def check_balance(balances: Numbers, targets: Targets) -> Iterator[Problem]:
    """Compare the balance of every language with the targets."""
    for language, numbers in balances.items():
        for name, heading in LABEL_SHARES.items():
            low, high = targets.human_requested if name == "human_requested" else targets.quadrant
            if numbers[name] is not None and not low <= numbers[name] <= high:
                yield error(
                    "balance",
                    f"{language}: {numbers[name]:.1%} of the tickets are “{heading}”; {low:.0%} to "
                    f"{high:.0%} are wanted: add or drop some",
                )
        low, high = targets.public
        if numbers["public"] is not None and not low <= numbers["public"] <= high:
            yield warning(
                "balance",
                f"{language}: {numbers['public']:.1%} of the messages are public; {low:.0%} to {high:.0%} "
                "are wanted",
            )
        for (name, heading), share in zip(LENGTH_SHARES.items(), targets.lengths, strict=True):
            if numbers[name] is not None and abs(numbers[name] - share) > targets.length_tolerance:
                yield warning(
                    "balance",
                    f"{language}: {numbers[name]:.1%} of the messages have {heading}; {share:.0%} ± "
                    f"{targets.length_tolerance:.0%} are wanted",
                )


def check_labels(splits: Mapping[str, Sequence[Message]], targets: Targets) -> Iterator[Problem]:
    """Require labels of all messages in the four languages, and second labels where quality is measured."""
    labelled = {
        split: [message for message in messages if message.language in LANGUAGES]
        for split, messages in splits.items()
    }
    for split, messages in labelled.items():
        for language, own in by_language(messages).items():
            bare = [m.id for m in own if any(m.label(output) is None for output in OUTPUTS)]
            if bare:
                yield error("labels", f"{language}: {_some(bare)} of {split} lack labels: label them")
            bare = [m.id for m in own if not second_labelled(m)]
            if bare and split != "train":
                yield error(
                    "second labels",
                    f"{language}: {_some(bare)} of {split} lack second labels: have them labelled again",
                )
    train = labelled["train"]
    share = sum(map(second_labelled, train)) / len(train) if train else 0.0
    if share < targets.second_labelled_train:
        yield error(
            "second labels",
            f"{share:.1%} of the messages of train have second labels; at least "
            f"{targets.second_labelled_train:.0%} are wanted",
        )


def check_kappa(kappas: Numbers, targets: Targets) -> Iterator[Problem]:
    """Compare the agreement of the two annotators with the target."""
    for language, numbers in kappas.items():
        for output in OUTPUTS:
            if numbers[output] is not None and numbers[output] < targets.kappa:
                yield error(
                    "second labels",
                    f"{language}: kappa of {output} is {numbers[output]:.3f}; at least {targets.kappa:.2f} "
                    "is wanted: settle what the guidelines leave open and label again",
                )


def _some(ids: Sequence[str]) -> str:
    more = ", …" if len(ids) > 3 else ""
    return f"{len(ids):,} messages ({', '.join(ids[:3])}{more})"
