"""Fine-tuning of a network whose heads start as linear probes.

The probe is the heads' start, so that the first steps do not disturb what the base knows (A. Kumar
et al., "Fine-tuning can distort pretrained features", 2022).
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import torch
from filelock import FileLock, Timeout
from sklearn.linear_model import LogisticRegression
from tokenizers import Tokenizer
from torch import nn
from tqdm.auto import tqdm
from transformers import EarlyStoppingCallback, Trainer, TrainingArguments, set_seed
from transformers.trainer import TRAINER_STATE_NAME
from transformers.trainer_utils import get_last_checkpoint

from escalate.policy import OUTPUTS
from training.errors import RunError
from training.fitting.examples import ExampleDataset, Examples, LikeLengths, Targets, collate, token_ids
from training.fitting.losses import LossWeights, loss_of
from training.fitting.recipe import StageSettings
from training.network.base_encoder import special_id
from training.network.early_exit import Network
from training.network.model import EscalationModel, Logits

_PREDICTION_BATCH: Final = 64
_CHECKPOINTS: Final = 10
_MOST_STEPS_BETWEEN: Final = 200


@dataclass(frozen=True)
class Watch:
    """What early stopping goes by.

    Attributes:
        examples: Texts that are not learned; the network with the lowest loss on them is kept.
        patience: Training stops after so many checkpoints without a lower loss.
    """

    examples: Examples
    patience: int


class _EscalationTrainer(Trainer):
    weights: LossWeights
    train_dataset: ExampleDataset

    def _get_train_sampler(self, train_dataset: Any = None) -> LikeLengths:
        # The library's own goes from long to short again and again, and knows one view of an example only.
        return LikeLengths(self.train_dataset.lengths(), self.args.train_batch_size, self.args.seed)

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


def fine_tune(
    model: EscalationModel,
    tokenizer: Tokenizer,
    examples: Examples,
    settings: StageSettings,
    weights: LossWeights,
    folder: Path,
    seed: int,
    watch: Watch | None = None,
    frozen_layers: int = 0,
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
        watch: What early stopping goes by; None to train to the end.
        frozen_layers: How many of the lowest layers stay as they are.

    Raises:
        RunError: Another training is writing the folder.
    """
    set_seed(seed)
    optimiser = prepare(model, settings, frozen_layers)
    on_cpu = not torch.cuda.is_available()
    pad = special_id(tokenizer, "<pad>")
    steps = step_count(examples, settings)
    between = steps_between(steps)
    arguments = TrainingArguments(
        output_dir=str(folder),
        num_train_epochs=1,
        per_device_train_batch_size=settings.batch_size,
        warmup_steps=round(settings.warmup * steps),
        lr_scheduler_type="cosine",
        bf16=has_bf16(),
        use_cpu=on_cpu,
        seed=seed,
        dataloader_num_workers=0,
        dataloader_pin_memory=not on_cpu,
        save_steps=between,
        save_total_limit=1,
        eval_strategy="steps" if watch else "no",
        eval_steps=between if watch else None,
        per_device_eval_batch_size=_PREDICTION_BATCH,
        load_best_model_at_end=watch is not None,
        metric_for_best_model="loss" if watch else None,
        greater_is_better=False if watch else None,
        prediction_loss_only=True,
        label_names=["labels"],
        restore_callback_states_from_checkpoint=watch is not None,
        logging_steps=max(1, steps // 20),
        report_to="none",
        remove_unused_columns=False,
    )
    dataset = ExampleDataset(examples, tokenizer, settings.max_tokens)
    trainer = _EscalationTrainer(
        model=model,
        args=arguments,
        train_dataset=dataset,
        eval_dataset=ExampleDataset(watch.examples, tokenizer, settings.max_tokens) if watch else None,
        callbacks=[EarlyStoppingCallback(watch.patience)] if watch else None,
        data_collator=lambda items: collate(items, pad),
        optimizers=(optimiser, None),
    )
    trainer.weights = weights
    with _alone(folder):
        trainer.train(resume_from_checkpoint=_last_whole_checkpoint(folder))
    return model.eval()


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Keep other trainings out of a folder of checkpoints."""
    folder.mkdir(parents=True, exist_ok=True)
    try:
        with FileLock(folder / "lock", timeout=0):
            yield
    except Timeout as error:
        raise RunError(f"another training is writing {folder}; wait until it ends, or stop it") from error


def prepare(model: EscalationModel, settings: StageSettings, frozen_layers: int = 0) -> torch.optim.AdamW:
    """Make a network ready to learn, its embeddings and lowest layers frozen, and return its optimiser."""
    model.freeze(frozen_layers)
    model.set_dropout(settings.dropout)
    use_fastest_attention(model)
    groups = list(_parameter_groups(model, settings))
    return torch.optim.AdamW(groups, weight_decay=settings.weight_decay, fused=True)


def use_fastest_attention(model: EscalationModel) -> None:
    """Choose how a network that learns computes attention on this machine."""
    if not torch.cuda.is_available():
        # On a CPU the gradient of the fused attention takes a third of a step, that of products a tenth.
        model.encoder.set_attn_implementation("eager")


def step_count(examples: Examples, settings: StageSettings) -> int:
    """Return the steps of a training on examples that is not stopped early."""
    return -(-len(examples) // settings.batch_size)


def steps_between(steps: int) -> int:
    """Return after how many steps each a training with so many writes a checkpoint, and measures a loss."""
    return min(_MOST_STEPS_BETWEEN, max(1, steps // _CHECKPOINTS))


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


def has_bf16() -> bool:
    """Tell whether this machine computes in bf16 faster than in float32."""
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
        yield {"params": [part for part in layer.parameters() if part.requires_grad], "lr": rate}
        rate *= settings.layer_decay


def run(
    model: Network,
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
    faster = torch.autocast(device.type, torch.bfloat16, enabled=half_precision and has_bf16())
    with torch.inference_mode(), faster:
        for start in tqdm(starts, desc="reading", unit="batch", disable=len(starts) < 20):
            items = [{"input_ids": ids[i]} for i in order[start : start + _PREDICTION_BATCH]]
            batch = collate(items, pad)
            logits = model(batch["input_ids"].to(device), batch["attention_mask"].to(device))
            outputs.append(Logits(*(part.float().cpu() for part in logits)))
    back = torch.tensor(np.argsort(order))
    return Logits(*(torch.cat(parts)[back] for parts in zip(*outputs, strict=True)))


def targets_of(logits: Logits) -> Targets:
    """Return what a teacher says as what a student is to say."""
    language = logits.language.softmax(-1).numpy()
    return Targets(logits.outputs.sigmoid().numpy(), language, logits.embedding.numpy())


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
