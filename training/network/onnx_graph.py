"""The network as an ONNX graph for one message: float32 for comparison, 8-bit integers for serving.

The graph is built from the weights with ONNX Runtime's fused operators, without padding, mask or
type ids, because one message is one run. The served form has

* token embeddings as int8 with a scale for every row;
* linear layers as int8 with a scale for every output; their inputs are divided by the largest absolute
  value of each token and rounded to 8 bits while they run;
* the last channels of a linear layer's input in float32. ``outliers_last`` has put those there whose
  values would leave the others few of the 256 steps (T. Dettmers et al., "LLM.int8(): 8-bit matrix
  multiplication for transformers at scale", 2022). The inputs of attention's output layer are rounded
  whole: they are means of values, and rounding them disturbs least (EXPERIMENTS.md).

Of a network with an early exit the graph computes the shared layers and the student's; the teacher's other
layers stand in a branch that runs only where the student is not sure.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import count
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import onnx
from onnx import TensorProto, helper, numpy_helper
from torch import Tensor, nn

from escalate.bundle import LANGUAGE_CLASSES
from escalate.policy import OUTPUTS
from escalate.version import __version__
from training.network.early_exit import EarlyExit, Network
from training.network.model import EscalationModel

FloatArray = npt.NDArray[np.float32]

_OPSET: Final = 17
_IR_VERSION: Final = 8
_MICROSOFT: Final = "com.microsoft"
_SMALLEST: Final = 1e-8
_LARGEST_WEIGHT: Final = 127
_CHANNELS_PER_OUTLIER: Final = 24
_SMALLEST_TOKEN: Final = 1e-6
"""What a token of zeros is divided by."""

STUDENT: Final = "student."
"""What the names of a student's constants begin with."""

_SURE: Final = "sure."
_UNSURE: Final = "unsure."
_RESULTS: Final = ("outputs", "language")


def outlier_count(channels: int) -> int:
    """Return how many channels of a linear layer's input are multiplied in float32: one in 24, rounded up."""
    return -(-channels // _CHANNELS_PER_OUTLIER)


def build_onnx(model: Network, *, quantised: bool) -> bytes:
    """Return the network as a serialised ONNX model.

    The graph has the input ``input_ids``, int64 of shape (1, tokens), and the outputs ``outputs``,
    float32 of shape (1, 3), and ``language``, float32 of shape (1, 5).

    Args:
        model: The network; its encoder has exact GELU activations.
        quantised: Compute in 8-bit integers instead of float32.
    """
    serialised: bytes = _GraphBuilder(model.cpu().eval(), quantised).build().SerializeToString()
    return serialised


class _GraphBuilder:
    def __init__(self, model: Network, quantised: bool) -> None:
        self.model = model
        self.quantised = quantised
        self.whole = model.teacher if isinstance(model, EarlyExit) else model
        self.nodes: list[onnx.NodeProto] = []
        self.initializers: list[onnx.TensorProto] = []
        self.names: set[str] = set()
        self.numbers = count()
        self.epsilon = float(self.whole.encoder.config.layer_norm_eps)
        self.heads = int(self.whole.encoder.config.num_attention_heads)

    def build(self) -> onnx.ModelProto:
        hidden = self.embeddings()
        if isinstance(self.model, EarlyExit):
            self.early_exit(self.model, hidden)
        else:
            self.answer("", self.whole, self.layers("", self.whole, hidden), results="")
        graph = helper.make_graph(
            self.nodes,
            "escalate",
            [helper.make_tensor_value_info("input_ids", TensorProto.INT64, [1, "tokens"])],
            self.results(),
            self.initializers,
        )
        proto = helper.make_model(
            graph,
            opset_imports=[helper.make_opsetid("", _OPSET), helper.make_opsetid(_MICROSOFT, 1)],
            producer_name="escalate",
            producer_version=__version__,
            ir_version=_IR_VERSION,
        )
        onnx.checker.check_model(proto)
        return proto

    @staticmethod
    def results(prefix: str = "") -> list[onnx.ValueInfoProto]:
        """Return what a graph answers; names of a branch have a prefix."""
        return [
            helper.make_tensor_value_info(f"{prefix}outputs", TensorProto.FLOAT, [1, len(OUTPUTS)]),
            helper.make_tensor_value_info(f"{prefix}language", TensorProto.FLOAT, [1, len(LANGUAGE_CLASSES)]),
        ]

    def early_exit(self, model: EarlyExit, hidden: str) -> None:
        shared = model.shared_layers
        hidden = self.layers("", model.teacher, hidden, last=shared)
        read = self.layers(STUDENT, model.student, hidden, first=shared)
        self.answer(STUDENT, model.student, read, results=STUDENT)
        outer = self.nodes, self.initializers
        self.nodes, self.initializers = [], []
        self.answer("", model.teacher, self.layers("", model.teacher, hidden, first=shared), results=_UNSURE)
        unsure = helper.make_graph(self.nodes, "unsure", [], self.results(_UNSURE), self.initializers)
        copies = [helper.make_node("Identity", [f"{STUDENT}{name}"], [f"{_SURE}{name}"]) for name in _RESULTS]
        sure = helper.make_graph(copies, "sure", [], self.results(_SURE))
        self.nodes, self.initializers = outer
        condition = self.sure(model.margin)
        node = helper.make_node("If", [condition], list(_RESULTS), then_branch=sure, else_branch=unsure)
        self.nodes.append(node)

    def sure(self, margin: float) -> str:
        """Add the condition of ``training.network.early_exit.is_sure`` for one message."""
        limit = self.constant("margin", np.array(margin, dtype=np.float32))
        distance = self.node("ReduceMin", [self.node("Abs", [f"{STUDENT}outputs"])], keepdims=0)
        two = self.constant("two", np.array([2], dtype=np.int64))
        values, places, first, second = (
            f"{STUDENT}{part}" for part in ("values", "places", "first", "second")
        )
        self.nodes.append(helper.make_node("TopK", [f"{STUDENT}language", two], [values, places], axis=-1))
        self.nodes.append(helper.make_node("Split", [values], [first, second], axis=-1))
        lead = self.node("ReduceMin", [self.node("Sub", [first, second])], keepdims=0)
        return self.node("GreaterOrEqual", [self.node("Min", [distance, lead]), limit])

    def layers(
        self, prefix: str, network: EscalationModel, hidden: str, first: int = 0, last: int | None = None
    ) -> str:
        for i, layer in list(enumerate(network.encoder.encoder.layer))[first:last]:
            hidden = self.layer(f"{prefix}layer{i}", layer, hidden)
        return hidden

    def answer(self, prefix: str, network: EscalationModel, hidden: str, results: str) -> None:
        """Add mean pooling and the heads, whose results have names that begin with ``results``."""
        mean = self.node("ReduceMean", [hidden], axes=[1], keepdims=0)
        embedding = self.node("LpNormalization", [mean], axis=-1, p=2)
        for name, head in (("outputs", network.outputs), ("language", network.language)):
            weight = self.constant(f"{prefix}{name}.weight", _numpy(head.weight))
            bias = self.constant(f"{prefix}{name}.bias", _numpy(head.bias))
            self.node("Gemm", [embedding, weight, bias], result=f"{results}{name}", transB=1)

    def embeddings(self) -> str:
        tables = self.whole.encoder.embeddings
        words = _numpy(tables.word_embeddings.weight)
        if not self.quantised:
            word = self.node("Gather", [self.constant("words", words), "input_ids"])
        else:
            scales = np.maximum(np.abs(words).max(1, keepdims=True), _SMALLEST) / _LARGEST_WEIGHT
            rows = np.rint(words / scales).astype(np.int8)
            row = self.node("Gather", [self.constant("words", rows), "input_ids"])
            scale = self.node("Gather", [self.constant("word_scales", scales), "input_ids"])
            row = self.node("Cast", [row], to=TensorProto.FLOAT)
            word = self.node("Mul", [row, scale])
        # One message has one type, so the row of type 0 is part of every position.
        positions = _numpy(tables.position_embeddings.weight + tables.token_type_embeddings.weight[0])
        zero = self.constant("zero", np.array([0], dtype=np.int64))
        length = self.node("Shape", ["input_ids"], start=1, end=2)
        position = self.node("Slice", [self.constant("positions", positions), zero, length, zero])
        total = self.node("Add", [word, position])
        gamma, beta = self.norm("embeddings", tables.LayerNorm)
        return self.node("LayerNormalization", [total, gamma, beta], axis=-1, epsilon=self.epsilon)

    def layer(self, prefix: str, layer: Any, hidden: str) -> str:
        attention = layer.attention.self
        linears = (attention.query, attention.key, attention.value)
        weight = np.concatenate([_numpy(linear.weight) for linear in linears])
        bias = np.concatenate([_numpy(linear.bias) for linear in linears])
        projected = self.linear(f"{prefix}.projections", weight, bias, hidden, outliers=True)
        parts = [f"{prefix}.{part}" for part in ("query", "key", "value")]
        self.nodes.append(helper.make_node("Split", [projected], parts, axis=-1))
        context = self.node("MultiHeadAttention", parts, _MICROSOFT, num_heads=self.heads)
        output = layer.attention.output
        attended = self.dense(f"{prefix}.attention", output.dense, context, outliers=False)
        hidden = self.add_and_norm(f"{prefix}.attention", attended, hidden, output)
        wide = self.dense(f"{prefix}.widening", layer.intermediate.dense, hidden, outliers=True)
        wide = self.node("Gelu", [wide], _MICROSOFT)
        narrow = self.dense(f"{prefix}.narrowing", layer.output.dense, wide, outliers=True)
        return self.add_and_norm(f"{prefix}.narrowing", narrow, hidden, layer.output)

    def add_and_norm(self, name: str, new: str, residual: str, output: Any) -> str:
        gamma, beta = self.norm(name, output.LayerNorm)
        # An Add would be fused with the norm into SkipLayerNormalization, which takes three times as long.
        total = self.node("Sum", [new, residual])
        return self.node("LayerNormalization", [total, gamma, beta], axis=-1, epsilon=self.epsilon)

    def dense(self, name: str, linear: nn.Linear, x: str, *, outliers: bool) -> str:
        return self.linear(name, _numpy(linear.weight), _numpy(linear.bias), x, outliers=outliers)

    def linear(self, name: str, weight: FloatArray, bias: FloatArray, x: str, *, outliers: bool) -> str:
        """Add ``x @ weight.T + bias``.

        Args:
            name: Name of the layer's constants.
            weight: Shape (out, in), as torch has it.
            bias: Shape (out,).
            x: The input.
            outliers: The last channels of the input are outliers.
        """
        bias_name = self.constant(f"{name}.bias", bias)
        if not self.quantised:
            product = self.node("MatMul", [x, self.constant(f"{name}.weight", weight.T.copy())])
            return self.node("Add", [product, bias_name])
        if not outliers:
            return self.node("Add", [self.rounded_product(name, weight, x), bias_name])
        channels = weight.shape[1]
        number = outlier_count(channels)
        usual, exact = f"{name}.usual", f"{name}.outliers"
        sizes = self.constant(f"split{channels}", np.array([channels - number, number], dtype=np.int64))
        self.nodes.append(helper.make_node("Split", [x, sizes], [usual, exact], axis=-1))
        terms = [
            self.rounded_product(name, weight[:, :-number], usual),
            self.node("MatMul", [exact, self.constant(f"{name}.exact", weight[:, -number:].T.copy())]),
            bias_name,
        ]
        return self.node("Sum", terms)

    def rounded_product(self, name: str, weight: FloatArray, x: str) -> str:
        """Add ``x @ weight.T`` in 8-bit integers."""
        scales = np.maximum(np.abs(weight).max(1), _SMALLEST) / _LARGEST_WEIGHT
        rounded = np.rint(weight.T / scales).astype(np.int8)
        largest = self.node("ReduceMax", [self.node("Abs", [x])], axes=[-1], keepdims=1)
        smallest = self.constant("smallest_token", np.array(_SMALLEST_TOKEN, dtype=np.float32))
        largest = self.node("Max", [largest, smallest])
        product = self.node(
            "DynamicQuantizeMatMul",
            [
                self.node("Div", [x, largest]),
                self.constant(f"{name}.weight", rounded),
                self.constant(f"{name}.scales", scales),
            ],
            _MICROSOFT,
        )
        return self.node("Mul", [product, largest])

    def norm(self, name: str, module: nn.LayerNorm) -> tuple[str, str]:
        gamma = self.constant(f"{name}.norm.weight", _numpy(module.weight))
        return gamma, self.constant(f"{name}.norm.bias", _numpy(module.bias))

    def constant(self, name: str, values: npt.NDArray[Any]) -> str:
        if name not in self.names:
            self.names.add(name)
            self.initializers.append(numpy_helper.from_array(values, name))
        return name

    def node(
        self,
        operator: str,
        inputs: Sequence[str],
        domain: str = "",
        result: str | None = None,
        **attributes: Any,
    ) -> str:
        result = result or f"{operator}{next(self.numbers)}"
        self.nodes.append(helper.make_node(operator, inputs, [result], domain=domain, **attributes))
        return result


def _numpy(tensor: Tensor) -> FloatArray:
    values: FloatArray = tensor.detach().cpu().numpy().astype(np.float32)
    return values
