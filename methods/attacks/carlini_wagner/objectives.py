"""f1 to f7 of Carlini and Wagner, arXiv 1608.04644, section V.A: what is at most 0 once the goal is reached.

Z are the logits, F the probabilities, t the target. `goal.margin` is max_{i≠t} − t of whichever it is given; without a
target it is the true label less the runner-up, and t is the runner-up.

Two are printed with slips. f1 = −loss_t + 1 would move away from t: ours is loss_t − 1. f5 = −log(2F_t − 2) has no
value for F_t ≤ 1: ours is −log 2F_t. f1, f4 and f5 may be above 0 although the goal is reached (F_t is the largest of
many, and below ½), and f1 below 0 although it is not: nobody may take success from them.
"""

import math
from collections.abc import Callable, Mapping
from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import cross_entropy, softplus

from methods.attacks.goals import Goal, Logits
from methods.errors import BadSetting

Name = Literal["f1", "f2", "f3", "f4", "f5", "f6", "f7"]
Objective = Callable[[Goal, Logits, float], Float[Tensor, " n"]]
LOG_2 = math.log(2)


def _target_loss(goal: Goal, logits: Logits) -> Float[Tensor, " n"]:
    return cross_entropy(logits, goal.targets(logits.detach()), reduction="none")


def f1(goal: Goal, logits: Logits, confidence: float) -> Float[Tensor, " n"]:
    return _target_loss(goal, logits) - 1


def f2(goal: Goal, logits: Logits, confidence: float) -> Float[Tensor, " n"]:
    return goal.margin(logits.softmax(1)).clamp_min(0)


def f3(goal: Goal, logits: Logits, confidence: float) -> Float[Tensor, " n"]:
    return softplus(goal.margin(logits.softmax(1))) - LOG_2


def f4(goal: Goal, logits: Logits, confidence: float) -> Float[Tensor, " n"]:
    return (0.5 - torch.exp(-_target_loss(goal, logits))).clamp_min(0)


def f5(goal: Goal, logits: Logits, confidence: float) -> Float[Tensor, " n"]:
    return (_target_loss(goal, logits) - LOG_2).clamp_min(0)


def f6(goal: Goal, logits: Logits, confidence: float) -> Float[Tensor, " n"]:
    return (goal.margin(logits) + confidence).clamp_min(0)


def f7(goal: Goal, logits: Logits, confidence: float) -> Float[Tensor, " n"]:
    return softplus(goal.margin(logits) + confidence) - LOG_2


OBJECTIVES: Mapping[str, Objective] = {"f1": f1, "f2": f2, "f3": f3, "f4": f4, "f5": f5, "f6": f6, "f7": f7}


def weighted(
    name: Name, c: Float[Tensor, " n"], goal: Goal, confidence: float
) -> Callable[[Logits], Float[Tensor, " n"]]:
    """c·f as a function of the logits alone."""
    objective = OBJECTIVES[name]
    return lambda logits: c * objective(goal, logits, confidence)


def check_confidence(objective: Name, confidence: float) -> None:
    """κ is a distance between logits: only f6 and f7 know it."""
    if confidence > 0 and objective not in ("f6", "f7"):
        raise BadSetting(
            problem=f"objective {objective} sees probabilities and cannot aim at a confidence of {confidence:g}",
            remedy="use f6 or f7, or a confidence of 0",
        )
