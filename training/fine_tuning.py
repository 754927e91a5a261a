"""Fine-tuning: a teacher that starts from a linear probe, and a shallow student that learns from it.

The probe is the heads' start, so that the first steps do not disturb what the base knows (A. Kumar
et al., "Fine-tuning can distort pretrained features", 2022). The student learns from soft labels
(G. Hinton et al., "Distilling the knowledge in a neural network", 2015).
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from random import Random
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import torch
from sklearn.linear_model import LogisticRegression
from tokenizers import Tokenizer
from torch import Tensor, nn
from torch.nn import functional
from torch.utils.data import Dataset
from tqdm.auto import tqdm
from transformers import Trainer, TrainingArguments, set_seed
from transformers.trainer import TRAINER_STATE_NAME
from transformers.trainer_utils import get_last_checkpoint

from escalate.bundle import LANGUAGE_CLASSES
from escalate.policy import OUTPUTS
from escalate.text import normalise
from training.augmentation import augment
from training.config import StageSettings
from training.corpus import Message
from training.model import EscalationModel, Logits

FloatArray = npt.NDArray[np.float32]

LANGUAGE_WEIGHT: Final = 0.3
"""Weight of the language loss beside each yes/no output."""

_PREDICTION_BATCH: Final = 64
_SAVE_STEPS: Final = 200


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
    """

    texts: list[str]
    labels: FloatArray
    languages: npt.NDArray[np.int64]
    targets: Targets | None = None

    def __len__(self) -> int:
        """Return the number of texts."""
        return len(self.texts)


def examples_of(messages: Sequence[Message]) -> Examples:
    """Return messages as examples."""
    labels = [[message.label(output) for output in OUTPUTS] for message in messages]
    return Examples(
        texts=[message.text for message in messages],
        labels=np.array(labels, dtype=np.float32).reshape(-1, len(OUTPUTS)),
        languages=np.array([LANGUAGE_CLASSES.index(m.language) for m in messages], dtype=np.int64),
    )


def variants_of(messages: Sequence[Message], copies: int, seed: int) -> Examples:
    """Return every message ``copies`` times: once as written, then with harmless changes."""
    random = Random(seed)
    changed = list(messages)
    for _ in range(copies - 1):
        changed += [replace(m, text=augment(m.text, m.language, random)) for m in messages]
    return examples_of(changed)


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


class _ExampleDataset(Dataset[dict[str, Any]]):
    def __init__(self, examples: Examples, tokenizer: Tokenizer, max_tokens: int) -> None:
        self.examples = examples
        self.ids = token_ids(tokenizer, examples.texts, max_tokens)

    def __len__(self) -> int:
        return len(self.examples)

    def __getitem__(self, i: int) -> dict[str, Any]:
        item: dict[str, Any] = {
            "input_ids": self.ids[i],
            "labels": self.examples.labels[i],
            "languages": self.examples.languages[i],
        }
        if targets := self.examples.targets:
            item["target_outputs"] = targets.outputs[i]
            item["target_language"] = targets.language[i]
            item["target_embedding"] = targets.embedding[i]
        return item


def token_ids(tokenizer: Tokenizer, texts: Sequence[str], max_tokens: int) -> list[list[int]]:
    """Return the token ids of texts with begin and end marks, cut to ``max_tokens``."""
    begin, end = special_id(tokenizer, "<s>"), special_id(tokenizer, "</s>")
    encodings = tokenizer.encode_batch_fast([normalise(t) for t in texts], add_special_tokens=False)
    return [[begin, *encoding.ids[: max_tokens - 2], end] for encoding in encodings]


def special_id(tokenizer: Tokenizer, piece: str) -> int:
    """Return the id of a special piece, which every base encoder here has."""
    index: int | None = tokenizer.token_to_id(piece)
    if index is None:
        raise ValueError(f"the tokenizer lacks {piece}")
    return index


def _collate(items: Sequence[dict[str, Any]], pad: int) -> dict[str, Tensor]:
    ids = [torch.tensor(item["input_ids"]) for item in items]
    input_ids = nn.utils.rnn.pad_sequence(ids, batch_first=True, padding_value=pad)
    lengths = torch.tensor([len(row) for row in ids])
    batch = {
        "input_ids": input_ids,
        "attention_mask": (torch.arange(input_ids.shape[1]) < lengths[:, None]).long(),
    }
    for key in items[0]:
        if key != "input_ids":
            batch[key] = torch.from_numpy(np.stack([item[key] for item in items]))
    return batch


@dataclass(frozen=True)
class LossWeights:
    """How the parts of the loss count.

    Attributes:
        positive: Weight of positive examples of each output, shape (3,).
        labels: Weight of the labels where a teacher speaks too (0..1).
        embedding: Weight of the distance to the teacher's embedding.
    """

    positive: tuple[float, ...]
    labels: float = 1.0
    embedding: float = 0.0


def loss_of(logits: Logits, batch: dict[str, Tensor], weights: LossWeights) -> Tensor:
    """Return the loss of a batch; unknown labels and languages do not count.

    With teacher targets in the batch, labels count ``weights.labels`` and the teacher the rest.
    """
    labels = batch["labels"]
    known = ~torch.isnan(labels)
    per_label = functional.binary_cross_entropy_with_logits(
        logits.outputs,
        torch.nan_to_num(labels),
        pos_weight=torch.tensor(weights.positive, device=labels.device),
        reduction="none",
    )
    label_loss = (per_label * known).sum() / known.sum().clamp(min=1)
    language_loss = functional.cross_entropy(
        logits.language, batch["languages"], ignore_index=-1, reduction="sum"
    ) / (batch["languages"] >= 0).sum().clamp(min=1)
    loss = label_loss + LANGUAGE_WEIGHT * language_loss
    if "target_outputs" not in batch:
        return loss
    # Where the teacher knows the language it judges the text; elsewhere its outputs mean nothing.
    judged = (batch["languages"] != LANGUAGE_CLASSES.index("other"))[:, None].float()
    per_output = functional.binary_cross_entropy_with_logits(
        logits.outputs, batch["target_outputs"], reduction="none"
    )
    teacher_loss = (per_output * judged).sum() / (judged.sum() * len(OUTPUTS)).clamp(min=1)
    teacher_loss = teacher_loss + LANGUAGE_WEIGHT * functional.cross_entropy(
        logits.language, batch["target_language"]
    )
    distance = 1 - (logits.embedding * batch["target_embedding"]).sum(-1).mean()
    return weights.labels * loss + (1 - weights.labels) * teacher_loss + weights.embedding * distance


class _EscalationTrainer(Trainer):
    weights: LossWeights

    def compute_loss(
        self,
        model: nn.Module,
        inputs: dict[str, Any],
        return_outputs: bool = False,
        num_items_in_batch: Any = None,
    ) -> Any:
        logits = model(inputs["input_ids"], inputs["attention_mask"])
        logits = Logits(*(part.float() for part in logits))
        loss = loss_of(logits, inputs, self.weights)
        return (loss, logits) if return_outputs else loss


def positive_weights(labels: FloatArray) -> tuple[float, ...]:
    """Return the weight of positive examples of each output: the square root of negatives by positives.

    The root lifts rare outputs without drowning the common answer; calibration corrects the rest.
    """
    weights = []
    for column in labels.T:
        positive, negative = float(np.nansum(column)), float(np.nansum(1 - column))
        weights.append((negative / positive) ** 0.5 if positive and negative else 1.0)
    return tuple(weights)


def fine_tune(
    model: EscalationModel,
    tokenizer: Tokenizer,
    examples: Examples,
    settings: StageSettings,
    weights: LossWeights,
    folder: Path,
    seed: int,
) -> EscalationModel:
    """Train ``model`` in place and return it.

    An interrupted run continues from the last checkpoint in ``folder``.

    Args:
        model: Network whose heads have their start; token embeddings stay frozen.
        tokenizer: Its tokenizer.
        examples: Texts with labels, and with a teacher's targets for a student.
        settings: The stage's settings; ``copies`` are already in ``examples``.
        weights: Parts of the loss.
        folder: Where checkpoints go.
        seed: Seed of the order and of dropout.
    """
    set_seed(seed)
    model.freeze_embeddings()
    on_cpu = not torch.cuda.is_available()
    pad = special_id(tokenizer, "<pad>")
    steps = -(-len(examples) // settings.batch_size)
    arguments = TrainingArguments(
        output_dir=str(folder),
        num_train_epochs=1,
        per_device_train_batch_size=settings.batch_size,
        warmup_steps=round(settings.warmup * steps),
        lr_scheduler_type="cosine",
        bf16=_has_bf16(),
        use_cpu=on_cpu,
        seed=seed,
        data_seed=seed,
        train_sampling_strategy="group_by_length",
        dataloader_num_workers=0,
        dataloader_pin_memory=not on_cpu,
        save_steps=_SAVE_STEPS,
        save_total_limit=1,
        logging_steps=max(1, steps // 20),
        report_to="none",
        remove_unused_columns=False,
    )
    dataset = _ExampleDataset(examples, tokenizer, settings.max_tokens)
    optimiser = torch.optim.AdamW(
        list(_parameter_groups(model, settings)), weight_decay=settings.weight_decay
    )
    trainer = _EscalationTrainer(
        model=model,
        args=arguments,
        train_dataset=dataset,
        data_collator=lambda items: _collate(items, pad),
        optimizers=(optimiser, None),
    )
    trainer.weights = weights
    trainer.train(resume_from_checkpoint=_last_whole_checkpoint(folder))
    return model.eval()


def _last_whole_checkpoint(folder: Path) -> str | None:
    """Return the last checkpoint that was written whole, and remove those that were not."""
    while folder.is_dir() and (last := get_last_checkpoint(str(folder))) is not None:
        try:
            json.loads((Path(last) / TRAINER_STATE_NAME).read_text(encoding="utf-8"))
        except (OSError, ValueError):
            shutil.rmtree(last)
        else:
            return str(last)
    return None


def _has_bf16() -> bool:
    if torch.cuda.is_available():
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    # Without hardware support bf16 on a CPU is slower than float32.
    supported: bool = torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported()
    return supported


def _parameter_groups(model: EscalationModel, settings: StageSettings) -> Iterator[dict[str, Any]]:
    """Yield AdamW groups whose rate falls by ``layer_decay`` from the heads down the layers."""
    heads = [*model.outputs.parameters(), *model.language.parameters()]
    yield {"params": heads, "lr": settings.learning_rate}
    rate = settings.learning_rate
    for layer in reversed(model.encoder.encoder.layer):
        yield {"params": list(layer.parameters()), "lr": rate}
        rate *= settings.layer_decay


def run(
    model: EscalationModel,
    tokenizer: Tokenizer,
    texts: Sequence[str],
    max_tokens: int,
    *,
    half_precision: bool = False,
) -> Logits:
    """Return the float32 logits of texts on the CPU, in the order of ``texts``.

    Args:
        model: The network; it is moved to the GPU where there is one.
        tokenizer: Its tokenizer.
        texts: Messages as written.
        max_tokens: Longer messages are cut.
        half_precision: Compute in bf16 where the processor has it.
    """
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    model = model.to(device).eval()
    ids = token_ids(tokenizer, texts, max_tokens)
    order = sorted(range(len(ids)), key=lambda i: len(ids[i]))
    pad = special_id(tokenizer, "<pad>")
    outputs: list[Logits] = []
    starts = range(0, len(order), _PREDICTION_BATCH)
    faster = torch.autocast(device.type, torch.bfloat16, enabled=half_precision and _has_bf16())
    with torch.inference_mode(), faster:
        for start in tqdm(starts, desc="reading", unit="batch", disable=len(starts) < 20):
            items = [{"input_ids": ids[i]} for i in order[start : start + _PREDICTION_BATCH]]
            batch = _collate(items, pad)
            logits = model(batch["input_ids"].to(device), batch["attention_mask"].to(device))
            outputs.append(Logits(*(part.float().cpu() for part in logits)))
    back = torch.tensor(np.argsort(order))
    return Logits(*(torch.cat(parts)[back] for parts in zip(*outputs, strict=True)))


def targets_of(logits: Sequence[Logits]) -> Targets:
    """Return the mean of what several teachers say."""
    outputs = torch.stack([part.outputs for part in logits]).mean(0).sigmoid()
    language = torch.stack([part.language for part in logits]).mean(0).softmax(-1)
    embedding = torch.stack([part.embedding for part in logits]).mean(0)
    return Targets(outputs.numpy(), language.numpy(), functional.normalize(embedding, dim=-1).numpy())


def start_heads_from_probe(
    model: EscalationModel, tokenizer: Tokenizer, examples: Examples, max_tokens: int
) -> None:
    """Set the heads of ``model`` to logistic regressions on its frozen embeddings."""
    logits = run(model, tokenizer, examples.texts, max_tokens, half_precision=True)
    embeddings = logits.embedding.numpy()
    for i in range(len(OUTPUTS)):
        known = ~np.isnan(examples.labels[:, i])
        labels = examples.labels[known, i]
        if len(set(labels)) < 2:
            continue
        probe = LogisticRegression(C=10, max_iter=2000).fit(embeddings[known], labels)
        _set_row(model.outputs, i, probe.coef_[0], probe.intercept_[0])
    known = examples.languages >= 0
    classes = sorted(set(examples.languages[known]))
    if len(classes) < 2:
        return
    probe = LogisticRegression(C=10, max_iter=2000).fit(embeddings[known], examples.languages[known])
    if len(classes) == 2:
        _set_row(model.language, classes[1], probe.coef_[0] / 2, probe.intercept_[0] / 2)
        _set_row(model.language, classes[0], -probe.coef_[0] / 2, -probe.intercept_[0] / 2)
        return
    for row, index in enumerate(probe.classes_):
        _set_row(model.language, int(index), probe.coef_[row], probe.intercept_[row])


def _set_row(head: nn.Linear, row: int, coefficients: npt.NDArray[Any], intercept: float) -> None:
    with torch.no_grad():
        head.weight[row] = torch.as_tensor(coefficients, dtype=head.weight.dtype)
        head.bias[row] = float(intercept)
