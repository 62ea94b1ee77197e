"""The audit: is it new, or is it copying? Every set of generated models of one network, under the same questions."""

import dataclasses
from collections.abc import Collection, Mapping
from typing import Any

from jaxtyping import Bool, Float
from torch import Tensor

from methods.audit.agreement import iou, mean_of_pairs
from methods.audit.comparing import weighted_accuracy
from methods.audit.copying import distances, replica_rates, rescaled_distances, z_u
from methods.audit.geometry import dispersion, effective_rank_ratio, mean_hugging, norms, products
from methods.audit.hull import hull_residual
from methods.audit.sweep import Strength, matched
from methods.audit.verdict import Evidence, verdict


@dataclasses.dataclass(frozen=True, slots=True)
class Models:
    """n models: their rows, which test images each gets right, and the ensemble gain of some of them."""

    rows: Float[Tensor, "n D"]
    right: Bool[Tensor, "n i"]
    ensemble_gain: float


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Roles:
    """Which of the generated sets are what the others are measured against."""

    averages: Collection[str]
    gaussian: str
    noises: Collection[str]


def audit_network(
    train: Models, held_out: Models, generated: Mapping[str, Models], roles: Roles, *, seed: int
) -> dict[str, dict[str, Any]]:
    """Per set, the numbers of the audit and its verdict (JSON values), and under `evidence` what figures draw.

    The set called `held_out` is the control: real rows that nobody fitted on, which no verdict is given on.
    """
    numbers = {name: examine(train, held_out, models) for name, models in {**generated, "held_out": held_out}.items()}
    sweep = [Strength(1 - numbers[name]["iou"]["max"], generated[name].right) for name in roles.noises]
    sweep.append(Strength(0.0, train.right))
    for name, models in generated.items():
        own = numbers[name]
        against = matched(sweep, 1 - own["iou"]["max"])
        gain = weighted_accuracy([(1.0, models.right), *((-weight, right) for weight, right in against)], seed=seed)
        rivals = [other for other in (*roles.averages, roles.gaussian) if other != name]
        best = max(rivals, key=lambda other: generated[other].right.double().mean().item())
        lead = weighted_accuracy([(1.0, models.right), (-1.0, generated[best].right)], seed=seed)
        own |= {
            "gain_at_matched_novelty": gain["difference"],
            "gain_ci95": gain["ci95"],
            "lead": {"over": best, **lead},
            "verdict": verdict(
                Evidence(
                    replica_rate=own["replica_rate_corrected"],
                    z=own["z_u_rescaled"],
                    z_gaussian=numbers[roles.gaussian]["z_u_rescaled"] or 0.0,
                    dispersion=own["dispersion"],
                    gain=tuple(gain["ci95"]),
                    lead=tuple(lead["ci95"]),
                )
            ),
        }
    return numbers


def examine(train: Models, held_out: Models, models: Models) -> dict[str, Any]:
    """What can be said of one set without looking at any other."""
    p = products(train.rows, held_out.rows, models.rows)
    d_g, d_h = distances(p)
    stretched = rescaled_distances(p)
    plain, corrected = replica_rates(p)
    shared = iou(~models.right, ~train.right)
    return {
        "nn_distance_ratio": (d_g.median() / d_h.median()).item(),
        "z_u": z_u(d_g, d_h),
        "z_u_rescaled": None if stretched is None else z_u(stretched, d_h),
        "replica_rate": plain,
        "replica_rate_corrected": corrected,
        "dispersion": dispersion(p),
        "effective_rank_ratio": effective_rank_ratio(p),
        "mean_hugging": mean_hugging(p),
        "hull_residual": hull_residual(p.tt, p.gt, norms(p.gg)).mean().item(),
        "iou": {
            "originals": mean_of_pairs(iou(~train.right, ~train.right)),
            "generated": mean_of_pairs(iou(~models.right, ~models.right)),
            "between": shared.mean().item(),
            "max": shared.amax(1).mean().item(),
        },
        "ensemble_gain": models.ensemble_gain,
        "evidence": {
            "distances": d_g.tolist(),
            "novelty": (1 - shared.amax(1)).tolist(),
            "accuracy": models.right.double().mean(1).tolist(),
        },
    }
