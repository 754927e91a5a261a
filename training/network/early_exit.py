"""A network that answers early where a shallow student of it is sure."""

from __future__ import annotations

from typing import TypeAlias, TypeVar

import torch
from torch import Tensor, nn

from training.network.model import EscalationModel, Logits


class EarlyExit(nn.Module):
    """A teacher, and a student that reads with its lowest layers and answers for it where it is sure.

    Source: J. Xin et al., "DeeBERT: Dynamic early exiting for accelerating BERT inference", 2020; here the
    exit has layers of its own, so that the teacher stays as it is.
    """

    def __init__(
        self, teacher: EscalationModel, student: EscalationModel, shared_layers: int, margin: float
    ) -> None:
        """Join two networks; the student's embeddings and lowest layers become those of the teacher.

        Args:
            teacher: The whole network.
            student: The shallow one.
            shared_layers: How many of the lowest layers both have in common.
            margin: Distance in logits from which on the student is sure.
        """
        super().__init__()
        student.encoder.embeddings = teacher.encoder.embeddings
        for i in range(shared_layers):
            student.encoder.encoder.layer[i] = teacher.encoder.encoder.layer[i]
        # The mask that a layer gets must be one for its kind of attention.
        student.encoder.set_attn_implementation(teacher.encoder.config._attn_implementation)
        self.teacher = teacher
        self.student = student
        self.shared_layers = shared_layers
        self.margin = margin

    def forward(self, input_ids: Tensor, attention_mask: Tensor) -> Logits:
        """Return the logits that are served, and the embedding that they were read from.

        Args:
            input_ids: Token ids, shape (messages, tokens).
            attention_mask: 1 for a token, 0 for padding, same shape.
        """
        early, whole = (network(input_ids, attention_mask) for network in (self.student, self.teacher))
        sure = is_sure(early, self.margin)[:, None]
        return Logits(*(torch.where(sure, *parts) for parts in zip(early, whole, strict=True)))


Network: TypeAlias = EscalationModel | EarlyExit
AnyNetwork = TypeVar("AnyNetwork", bound=Network)


def members(network: Network) -> tuple[EscalationModel, ...]:
    """Return the networks that a network is made of."""
    if isinstance(network, EarlyExit):
        return (network.teacher, network.student)
    return (network,)


def is_sure(logits: Logits, margin: float) -> Tensor:
    """Tell of which messages no answer is near to being another, shape (messages,).

    Every yes/no output must be ``margin`` away from 0, and the first language before the second.
    """
    first, second = logits.language.topk(2, dim=-1).values.unbind(-1)
    sure: Tensor = (logits.outputs.abs().amin(-1) >= margin) & (first - second >= margin)
    return sure
