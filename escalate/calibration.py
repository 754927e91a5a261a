"""From the model's logits to calibrated probabilities.

Each output is calibrated by Platt scaling, ``p = sigmoid(slope * logit + intercept)`` (J. Platt,
"Probabilistic outputs for support vector machines", 1999), fitted per language where the validation
data suffice.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from escalate.policy import OUTPUTS, Output

Array = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Calibration:
    """Parameters fitted on the validation split.

    Attributes:
        outputs: Per language class, and for ``default``, the slope and intercept of each output.
    """

    outputs: Mapping[str, Mapping[Output, tuple[float, float]]]

    def probabilities(self, logits: Array, language: str) -> dict[Output, float]:
        """Return the probability (0..1) of each output.

        Args:
            logits: Shape (3,), in the order of OUTPUTS.
            language: Language class; the ``default`` parameters serve where it has none of its own.
        """
        parameters = self.outputs.get(language, self.outputs["default"])
        probabilities: dict[Output, float] = {}
        for output, logit in zip(OUTPUTS, logits.tolist(), strict=True):
            slope, intercept = parameters[output]
            probabilities[output] = _sigmoid(slope * logit + intercept)
        return probabilities

    def to_dict(self) -> dict[str, Any]:
        """Return the parameters as JSON-ready data."""
        return {
            "outputs": {
                language: {output: list(pair) for output, pair in parameters.items()}
                for language, parameters in self.outputs.items()
            }
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Calibration:
        """Build the parameters from the data of ``to_dict``.

        Raises:
            KeyError, TypeError, ValueError: The data lack a part or hold something else than numbers.
        """
        outputs: dict[str, dict[Output, tuple[float, float]]] = {}
        for language, parameters in data["outputs"].items():
            outputs[language] = {}
            for output in OUTPUTS:
                slope, intercept = map(float, parameters[output])
                if not (math.isfinite(slope) and math.isfinite(intercept)):
                    raise ValueError(f"the calibration of {output} for {language} is not finite")
                outputs[language][output] = (slope, intercept)
        if "default" not in outputs:
            raise ValueError("the calibration has no 'default' parameters")
        return cls(outputs=outputs)


def _sigmoid(x: float) -> float:
    # exp of a large positive number overflows, so the exponent is kept negative.
    e = float(np.exp(-abs(x)))
    return 1 / (1 + e) if x >= 0 else e / (1 + e)
