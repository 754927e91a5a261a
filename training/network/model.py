"""The network: one encoder, a mean over its token vectors, and linear outputs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn
from transformers import BertModel

from escalate.bundle import LANGUAGE_CLASSES
from escalate.policy import OUTPUTS


class Logits(NamedTuple):
    """What the network answers.

    Attributes:
        outputs: Logits of the yes/no outputs, shape (messages, 3), in the order of OUTPUTS.
        language: Logits of the language classes, shape (messages, 5).
        embedding: Mean token vector scaled to length 1, shape (messages, hidden).
    """

    outputs: Tensor
    language: Tensor
    embedding: Tensor


class EscalationModel(nn.Module):
    """Encoder, mean pooling and two linear heads."""

    def __init__(self, encoder: BertModel) -> None:
        """Put fresh heads on an encoder."""
        super().__init__()
        hidden: int = encoder.config.hidden_size
        self.encoder = encoder
        self.outputs = nn.Linear(hidden, len(OUTPUTS))
        self.language = nn.Linear(hidden, len(LANGUAGE_CLASSES))
        for head in (self.outputs, self.language):
            # A row that no probe can set starts alike in every run.
            nn.init.zeros_(head.weight)
            nn.init.zeros_(head.bias)

    def forward(self, input_ids: Tensor, attention_mask: Tensor) -> Logits:
        """Return the logits of a batch of windows.

        Args:
            input_ids: Token ids, shape (messages, tokens).
            attention_mask: 1 for a token, 0 for padding, same shape.
        """
        states = self.encoder(input_ids=input_ids, attention_mask=attention_mask).last_hidden_state
        mask = attention_mask.unsqueeze(-1).to(states.dtype)
        embedding = nn.functional.normalize((states * mask).sum(1) / mask.sum(1), dim=-1)
        return Logits(self.outputs(embedding), self.language(embedding), embedding)

    def set_dropout(self, share: float) -> None:
        """Leave out another share of the values while learning than the base did."""
        for module in self.encoder.modules():
            if isinstance(module, nn.Dropout):
                module.p = share

    def freeze(self, layers: int) -> None:
        """Keep the token embeddings and so many of the lowest layers as they are."""
        for part in (self.encoder.embeddings, *self.encoder.encoder.layer[:layers]):
            part.requires_grad_(False)


def keep_layers(encoder: BertModel, layers: list[int]) -> BertModel:
    """Return a copy of ``encoder`` with only the named layers, in that order."""
    config = type(encoder.config)(**{**encoder.config.to_dict(), "num_hidden_layers": len(layers)})
    shallow = BertModel(config, add_pooling_layer=False)
    shallow.embeddings.load_state_dict(encoder.embeddings.state_dict())
    for new, old in zip(shallow.encoder.layer, layers, strict=True):
        new.load_state_dict(encoder.encoder.layer[old].state_dict())
    return shallow


def interpolate(first: nn.Module, second: nn.Module, weight: float) -> dict[str, Tensor]:
    """Return the state ``(1 - weight) * first + weight * second`` of two equal networks.

    Source: M. Wortsman et al., "Robust fine-tuning of zero-shot models" (WiSE-FT), 2022.
    """
    other = second.state_dict()
    return {
        name: torch.lerp(tensor, other[name], weight) if tensor.is_floating_point() else tensor
        for name, tensor in first.state_dict().items()
    }


def average(networks: Sequence[nn.Module]) -> dict[str, Tensor]:
    """Return the mean state of equal networks that were trained from one start.

    Source: M. Wortsman et al., "Model soups: averaging weights of multiple fine-tuned models", 2022.
    """
    states = [network.state_dict() for network in networks]
    return {
        name: torch.stack([state[name] for state in states]).mean(0) if tensor.is_floating_point() else tensor
        for name, tensor in states[0].items()
    }
