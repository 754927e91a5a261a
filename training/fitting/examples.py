"""Examples: texts with what is known of them, and how they become batches of token ids."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from random import Random
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import torch
from tokenizers import Tokenizer
from torch import Tensor, nn
from torch.utils.data import Dataset, Sampler

from escalate.bundle import LANGUAGE_CLASSES
from escalate.policy import OUTPUTS
from escalate.text import normalise
from training.corpus.labels import labels_of
from training.corpus.messages import Message
from training.fitting.augmentation import LATIN_LETTERS, OWN_LETTERS, augment
from training.network.base_encoder import special_id

FloatArray = npt.NDArray[np.float32]

# So many batches are put together from examples sorted by length: enough for little padding, few enough for
# batches of ever other examples.
_BATCHES_SORTED: Final = 50


@dataclass(frozen=True)
class Targets:
    """What a teacher says of some texts; the rows are the texts.

    Attributes:
        outputs: Probabilities of the yes/no outputs, shape (texts, 3).
        language: Probabilities of the language classes, shape (texts, 5).
        embedding: Unit vectors, shape (texts, hidden).
    """

    outputs: FloatArray
    language: FloatArray
    embedding: FloatArray


@dataclass(frozen=True)
class Examples:
    """Texts with what is known of them; the rows are the texts.

    Attributes:
        texts: Messages as written.
        labels: 0, 1 or NaN for unknown, shape (texts, 3).
        languages: Index of the language class, -1 for unknown, shape (texts,).
        targets: What a teacher says, or None.
        variants: A second view of every text, with harmless changes, or None. Both views are learned
            and should get one answer.
    """

    texts: list[str]
    labels: FloatArray
    languages: npt.NDArray[np.int64]
    targets: Targets | None = None
    variants: list[str] | None = None

    def __len__(self) -> int:
        """Return the number of texts."""
        return len(self.texts)


def examples_of(messages: Sequence[Message]) -> Examples:
    """Return messages as examples."""
    return Examples(
        texts=[message.text for message in messages],
        labels=labels_of(messages),
        languages=np.array([LANGUAGE_CLASSES.index(m.language) for m in messages], dtype=np.int64),
    )


def variants_of(messages: Sequence[Message], copies: int, seed: int) -> Examples:
    """Return every message ``copies`` times: once as written, then with harmless changes."""
    random = Random(seed)
    changed = list(messages)
    for _ in range(copies - 1):
        changed += [replace(m, text=augment(m.text, m.language, random)) for m in messages]
    return examples_of(changed)


def pairs_of(
    messages: Sequence[Message],
    copies: int,
    seed: int,
    latin_letters: float = LATIN_LETTERS,
    own_letters: float = OWN_LETTERS,
) -> Examples:
    """Return every message ``copies`` times, each time in two views.

    The first view of the first copy is the message as written; all other views have harmless changes, the
    Hebrew and Arabic ones with a chance of ``latin_letters`` (0..1) that they are in Latin letters, and then
    of ``own_letters`` (0..1) that they are written back.
    """
    random = Random(seed)
    views = [
        [augment(m.text, m.language, random, latin_letters, own_letters) for m in messages]
        for _ in range(2 * copies - 1)
    ]
    examples = variants_of(messages, 1, seed)
    first = [*examples.texts, *(text for view in views[copies:] for text in view)]
    return Examples(
        texts=first,
        labels=np.tile(examples.labels, (copies, 1)),
        languages=np.tile(examples.languages, copies),
        variants=[text for view in views[:copies] for text in view],
    )


def glued(messages: Sequence[Message], count: int, seed: int) -> Examples:
    """Return texts put together from parts of two messages of one language; their labels are unknown."""
    random = Random(seed)
    by_language: dict[str, list[Message]] = {}
    for message in messages:
        by_language.setdefault(message.language, []).append(message)
    texts, languages = [], []
    for _ in range(count):
        first = random.choice(messages)
        second = random.choice(by_language[first.language])
        text = f"{_part(first.text, random)} {_part(second.text, random)}"
        texts.append(augment(text, first.language, random))
        languages.append(LANGUAGE_CLASSES.index(first.language))
    return Examples(
        texts=texts,
        labels=np.full((count, len(OUTPUTS)), np.nan, dtype=np.float32),
        languages=np.array(languages, dtype=np.int64),
    )


def _part(text: str, random: Random) -> str:
    words = text.split()
    size = random.randint(1, len(words)) if len(words) > 1 else 1
    start = random.randint(0, len(words) - size)
    return " ".join(words[start : start + size])


def join(*parts: Examples) -> Examples:
    """Return examples one after the other; they must have no targets yet."""
    return Examples(
        texts=[text for part in parts for text in part.texts],
        labels=np.concatenate([part.labels for part in parts]),
        languages=np.concatenate([part.languages for part in parts]),
    )


class ExampleDataset(Dataset[dict[str, Any]]):
    """Examples as token ids, an item each."""

    def __init__(self, examples: Examples, tokenizer: Tokenizer, max_tokens: int) -> None:
        """Tokenise the examples; longer ones are cut to ``max_tokens``."""
        self.examples = examples
        self.ids = token_ids(tokenizer, examples.texts, max_tokens)
        self.variant_ids = token_ids(tokenizer, examples.variants or [], max_tokens)

    def __len__(self) -> int:
        """Return the number of examples."""
        return len(self.examples)

    def lengths(self) -> list[int]:
        """Return the number of tokens of each example, of the longer one of its views."""
        if not self.variant_ids:
            return [len(row) for row in self.ids]
        return [max(len(row), len(other)) for row, other in zip(self.ids, self.variant_ids, strict=True)]

    def __getitem__(self, i: int) -> dict[str, Any]:
        """Return the token ids of one example, its labels, and what a teacher says of it."""
        item: dict[str, Any] = {
            "input_ids": self.ids[i],
            "labels": self.examples.labels[i],
            "languages": self.examples.languages[i],
        }
        if self.variant_ids:
            item["variant_ids"] = self.variant_ids[i]
        if targets := self.examples.targets:
            item["target_outputs"] = targets.outputs[i]
            item["target_language"] = targets.language[i]
            item["target_embedding"] = targets.embedding[i]
        return item


class LikeLengths(Sampler[int]):
    """The order of examples in which each batch holds like lengths, and the batches come by chance."""

    def __init__(self, lengths: Sequence[int], batch_size: int, seed: int) -> None:
        """Take the length of each example, the examples of a batch, and the seed of the order."""
        self.lengths = lengths
        self.batch_size = batch_size
        self.seed = seed

    def __len__(self) -> int:
        """Return the number of examples."""
        return len(self.lengths)

    def __iter__(self) -> Iterator[int]:
        """Yield the position of every example once; the last batch alone may be smaller."""
        random = Random(self.seed)
        shuffled = random.sample(range(len(self)), len(self))
        size = self.batch_size * _BATCHES_SORTED
        batches = []
        for start in range(0, len(self), size):
            like = sorted(shuffled[start : start + size], key=self.lengths.__getitem__)
            batches += [like[i : i + self.batch_size] for i in range(0, len(like), self.batch_size)]
        *whole, last = batches
        random.shuffle(whole)
        yield from (i for batch in [*whole, last] for i in batch)


def token_ids(tokenizer: Tokenizer, texts: Sequence[str], max_tokens: int) -> list[list[int]]:
    """Return the token ids of texts with begin and end marks, cut to ``max_tokens``."""
    begin, end = special_id(tokenizer, "<s>"), special_id(tokenizer, "</s>")
    encodings = tokenizer.encode_batch_fast([normalise(t) for t in texts], add_special_tokens=False)
    return [[begin, *encoding.ids[: max_tokens - 2], end] for encoding in encodings]


def collate(items: Sequence[dict[str, Any]], pad: int) -> dict[str, Tensor]:
    """Return items as one batch, the second views of the examples after all first ones."""
    rows = [item[view] for view in ("input_ids", "variant_ids") if view in items[0] for item in items]
    ids = [torch.tensor(row) for row in rows]
    input_ids = nn.utils.rnn.pad_sequence(ids, batch_first=True, padding_value=pad)
    lengths = torch.tensor([len(row) for row in ids])
    batch = {
        "input_ids": input_ids,
        "attention_mask": (torch.arange(input_ids.shape[1]) < lengths[:, None]).long(),
    }
    for key in items[0]:
        if key not in ("input_ids", "variant_ids"):
            batch[key] = torch.from_numpy(np.stack([item[key] for item in items]))
    return batch
