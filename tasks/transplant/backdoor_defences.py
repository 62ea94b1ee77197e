"""What becomes of a backdoor when a network's parameters are replaced, and what of it counts as a defence."""

import dataclasses
from collections.abc import Mapping
from typing import Annotated, Any, ClassVar

from annotated_types import Interval


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Defended:
    """When a transplant into the backdoored network counts as a defence.

    keeps: share of the recipient's clean accuracy that must be left. lowers: by how much its attack success rate must
    fall.
    """

    __pydantic_config__: ClassVar[dict[str, Any]] = {"extra": "forbid"}

    keeps: Annotated[float, Interval(ge=0, le=1)] = 0.95
    lowers: Annotated[float, Interval(ge=0, le=1)] = 0.1

    def by(self, recipient: Mapping[str, float], *, clean_accuracy: float, asr: float) -> bool:
        """Whether these numbers, of the recipient with other parameters, are a defence of it."""
        return clean_accuracy >= self.keeps * recipient["clean_accuracy"] and recipient["asr"] - asr >= self.lowers


def defences(
    candidates: Mapping[str, Mapping[str, Any]], recipient: Mapping[str, float], defended: Defended
) -> list[dict[str, Any]]:
    """What was done to the backdoored network, defences first, of these the one with the lowest ASR first.

    candidates: by name, `mean` (of clean accuracies), `asr_mean`, `robust_accuracy_mean` and `n`. recipient: its own
    `clean_accuracy` and `asr`.
    """
    told = []
    for name, numbers in candidates.items():
        left = {"clean_accuracy": numbers["mean"], "asr": numbers["asr_mean"]}
        told.append(
            {"name": name, "n": numbers["n"]}
            | left
            | {"robust_accuracy": numbers["robust_accuracy_mean"], "defence": defended.by(recipient, **left)}
        )
    return sorted(told, key=lambda each: (not each["defence"], each["asr"]))
