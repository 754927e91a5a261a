from __future__ import annotations

import re
from itertools import pairwise

import pytest
import torch

from tests.training.making import make_message
from training.fitting.examples import LikeLengths, collate, pairs_of
from training.fitting.lexicon import lexicon
from training.fitting.losses import LossWeights, loss_of
from training.network.model import Logits

MESSAGES = [
    make_message(i, text=text, language=language, complexity=i % 2)
    for i, (text, language) in enumerate(
        [("Kdy otevíráte zítra ráno?", "cs"), ("أين طلبي؟ تأخر كثيرا", "ar"), ("where is my parcel", "en")]
    )
]


def test_pairs_show_every_message_as_written_once_and_label_all_copies() -> None:
    examples = pairs_of(MESSAGES, copies=3, seed=1)
    assert examples.texts[:3] == [message.text for message in MESSAGES]
    assert examples.variants is not None
    assert len(examples.texts) == len(examples.variants) == len(examples.labels) == 9
    assert [row[0] for row in examples.labels.tolist()] == [0, 1, 0] * 3
    assert examples.variants == pairs_of(MESSAGES, copies=3, seed=1).variants
    assert examples.variants != pairs_of(MESSAGES, copies=3, seed=2).variants


@pytest.mark.parametrize(("language", "letters"), [("he", "[א-ת]"), ("ar", "[ء-يپچڤگ]")])
def test_the_share_of_latin_letters_holds_for_all_views_but_the_one_as_written(
    language: str, letters: str
) -> None:
    # So many words of the lexicon that no greeting or signature keeps the rest from being written so.
    text = " ".join(sorted(lexicon(language).spellings)[::50][:100])
    messages = [make_message(i, text=text, language=language) for i in range(2)]
    written: dict[float, list[bool]] = {}
    for share in (0.0, 0.5, 1.0):
        examples = pairs_of(messages, copies=8, seed=1, latin_letters=share, own_letters=0)
        assert examples.variants is not None
        assert examples.texts[:2] == [text, text]
        views = [*examples.texts[2:], *examples.variants]
        written[share] = [not re.search(letters, view) for view in views]
    assert not any(written[0.0])
    assert 5 < sum(written[0.5]) < 25
    assert all(written[1.0])


def test_second_views_follow_all_first_ones_in_a_batch() -> None:
    items = [
        {"input_ids": [1, 2], "variant_ids": [1, 2, 3], "labels": torch.tensor([0.0]).numpy()},
        {"input_ids": [4], "variant_ids": [5], "labels": torch.tensor([1.0]).numpy()},
    ]
    batch = collate(items, pad=0)
    assert batch["input_ids"].tolist() == [[1, 2, 0], [4, 0, 0], [1, 2, 3], [5, 0, 0]]
    assert batch["attention_mask"].sum(1).tolist() == [2, 1, 3, 1]
    assert len(batch["labels"]) == 2


def logits(outputs: list[list[float]]) -> Logits:
    rows = torch.tensor(outputs)
    return Logits(rows, torch.zeros(len(rows), 5), torch.zeros(len(rows), 4))


def test_only_a_difference_between_the_views_costs_consistency() -> None:
    batch = {"labels": torch.full((1, 3), float("nan")), "languages": torch.tensor([-1])}
    weights = LossWeights(positive=(1.0, 1.0, 1.0), consistency=2.0)
    same = loss_of(logits([[1.0, -2.0, 0.5], [1.0, -2.0, 0.5]]), batch, weights)
    other = loss_of(logits([[1.0, -2.0, 0.5], [-1.0, -2.0, 0.5]]), batch, weights)
    assert same.item() == 0
    assert other.item() > 0.1
    single = loss_of(logits([[1.0, -2.0, 0.5]]), batch, weights)
    assert single.item() == 0


def test_batches_hold_like_lengths_and_come_in_no_order_of_length() -> None:
    lengths = [i % 97 for i in range(1_003)]
    order = list(LikeLengths(lengths, 8, seed=1))
    assert sorted(order) == list(range(len(lengths)))
    batches = [[lengths[i] for i in order[start : start + 8]] for start in range(0, len(order), 8)]
    assert sum(max(batch) - min(batch) for batch in batches) / len(batches) < 5
    longest = [max(batch) for batch in batches]
    rises = sum(after > before for before, after in pairwise(longest))
    assert 0.3 < rises / len(longest) < 0.7
    assert order == list(LikeLengths(lengths, 8, seed=1))
    assert order != list(LikeLengths(lengths, 8, seed=2))
