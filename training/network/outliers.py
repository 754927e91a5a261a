"""Puts the channels with the largest values last, where the quantised graph computes in float32.

The network computes the same in any order of its channels. A few of this encoder's are up to ten times
larger than the others.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from training.network.channels import layers_of, reorder_hidden, reorder_intermediate
from training.network.early_exit import AnyNetwork, Network
from training.network.onnx_graph import outlier_count


def outliers_last(model: AnyNetwork, windows: Sequence[Sequence[int]]) -> AnyNetwork:
    """Return a network that answers the same and has the channels with the largest absolute values last.

    All layers add to the same hidden channels, so these have one order; the intermediate channels of
    each layer have their own. The answer's ``embedding`` has its channels in the new order.

    Args:
        model: The network.
        windows: Token ids of one or more messages that show how large the values are.
    """
    ordered = copy.deepcopy(model)
    ordered.cpu().eval()
    layers = layers_of(ordered)
    hidden = [module for layer in layers for module in (layer.attention.self.query, layer.intermediate.dense)]
    intermediate = [layer.output.dense for layer in layers]
    largest = _largest_inputs(ordered, [*hidden, *intermediate], windows)
    reorder_hidden(ordered, _order(torch.stack([largest[module] for module in hidden]).amax(0)))
    for layer in layers:
        reorder_intermediate(layer, _order(largest[layer.output.dense]))
    return ordered


def _order(largest: Tensor) -> Tensor:
    """Return the channels as they were, but for the outliers, which come last.

    They are not sorted, because sums that differ in their last digit would give another bundle.
    """
    outlier = torch.zeros(len(largest), dtype=torch.bool)
    outlier[largest.topk(outlier_count(len(largest))).indices] = True
    return torch.cat([(~outlier).nonzero()[:, 0], outlier.nonzero()[:, 0]])


def _largest_inputs(
    model: Network, modules: Sequence[nn.Module], windows: Sequence[Sequence[int]]
) -> dict[nn.Module, Tensor]:
    largest: dict[nn.Module, Tensor] = {}

    def note(module: nn.Module, inputs: tuple[Tensor, ...]) -> None:
        found = inputs[0].abs().amax((0, 1))
        largest[module] = torch.maximum(largest[module], found) if module in largest else found

    handles = [module.register_forward_pre_hook(note) for module in modules]
    with torch.inference_mode():
        for window in windows:
            ids = torch.tensor([list(window)])
            model(ids, torch.ones_like(ids))
    for handle in handles:
        handle.remove()
    return largest
