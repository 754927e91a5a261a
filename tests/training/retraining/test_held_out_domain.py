"""A shift of domain with the real base encoder and the real corpus; slow, so ``make test-slow`` runs it.

The start has never seen a review: its recipe is the released one's, shortened to one copy. It goes on
from about 500 reviews, and is judged on all others.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from random import Random

import pytest

from tests.training.retraining.making import COLUMNS, OUTPUTS, Ticket, run, write_csv, write_recipe
from training.corpus.messages import CORPUS, SPLITS, Message, read_split, write_messages
from training.fitting.recipe import Recipe, read_recipe

OWN = 500
"""So many reviews are learned, and the others of the last voice among them."""


def test_no_writer_is_both_learned_and_judged_by(tmp_path: Path) -> None:
    own = _write_corpora(tmp_path / "without", tmp_path / "reviews")
    rest = read_split(tmp_path / "reviews", "test")
    assert OWN <= len(own) < 1.2 * OWN < len(rest)
    assert not {m.group for m in own} & {m.group for m in rest}
    assert not {m.pair for m in own if m.pair} & {m.pair for m in rest}
    for split in SPLITS:
        kept = read_split(tmp_path / "without", split)
        assert kept
        assert not [message for message in kept if message.channel == "review"]


@pytest.mark.slow
def test_500_reviews_mend_a_model_that_knew_none(workplace: Path) -> None:
    reviews = _write_corpora(Path("without"), Path("reviews"))
    recipe = write_recipe(Path("recipe.toml"), _short_recipe())
    given = ("--corpus", "without", "--recipe", recipe)
    _done("train", "--run", "runs/start", *given)
    _done("export", "--run", "runs/start", "--corpus", "without", "--version", "start", "--out", "start")

    tickets = write_csv(workplace / "reviews.csv", [_ticket(message) for message in reviews])
    _done(
        "train", "--data", tickets, "--out", "mine", "--version", "mine", "--start", "start", *given, *COLUMNS
    )

    rest = write_csv(workplace / "rest.csv", [_ticket(m) for m in read_split(Path("reviews"), "test")])
    told = _done("evaluate", "--model", "mine", "--against", "start", "--data", rest, *COLUMNS)
    better = next(line for line in told.splitlines() if line.startswith("Better on "))
    assert "complexity in all languages" in better
    assert "Worse on" not in told

    judged = ("--corpus", "reviews", "--models", "released")
    assert " 0 losses" in _done("release", "mine", "--against", "start", *judged)
    refused = run("release", "start", "--against", "mine", *judged)
    assert refused.exit_code == 1
    assert "is worse than mine" in refused.output

    shuffled = write_csv(workplace / "shuffled.csv", _shuffled([_ticket(m) for m in reviews]))
    _done(
        "train", "--data", shuffled, "--out", "bad", "--version", "bad", "--start", "start", *given, *COLUMNS
    )
    refused = run("release", "bad", "--against", "start", *judged)
    assert refused.exit_code == 1, refused.output
    assert "is worse than start" in refused.output


def _done(*arguments: str | Path) -> str:
    result = run(*arguments)
    print(result.output)
    assert result.exit_code == 0, result.output
    return result.output


def _write_corpora(without: Path, held_out: Path) -> list[Message]:
    """Write the corpus without reviews, and the reviews but OWN as test split; return those left out."""
    reviews: list[Message] = []
    for split in SPLITS:
        messages = read_split(CORPUS, split)
        for language in sorted({m.language for m in messages}):
            kept = [m for m in messages if m.language == language and m.channel != "review"]
            write_messages(without / split / f"{language}.jsonl", kept)
        reviews += [m for m in messages if m.channel == "review" and m.language != "other"]
    # Whole voices, so that no writer and no contrast pair is on both sides.
    voices = sorted({str(m.group) for m in reviews})
    Random(1).shuffle(voices)
    reviews.sort(key=lambda m: voices.index(str(m.group)))
    border = OWN
    while reviews[border].group == reviews[border - 1].group:
        border += 1
    for split in SPLITS:
        write_messages(held_out / split / "reviews.jsonl", reviews[border:] if split == "test" else [])
    return reviews[:border]


def _short_recipe() -> Recipe:
    recipe = read_recipe()
    return replace(recipe, teacher=replace(recipe.teacher, copies=1))


def _ticket(message: Message) -> Ticket:
    return Ticket(
        message.text, message.language, {output: int(message.label(output) or 0) for output in OUTPUTS}
    )


def _shuffled(tickets: Sequence[Ticket]) -> list[Ticket]:
    labels = [ticket.labels for ticket in tickets]
    Random(2).shuffle(labels)
    return [replace(ticket, labels=own) for ticket, own in zip(tickets, labels, strict=True)]
