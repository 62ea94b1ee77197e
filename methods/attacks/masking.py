"""Whether a classifier withstands attacks, or only hides the gradients that they follow."""

import dataclasses

import torch
from jaxtyping import Int
from torch import Tensor, nn

from methods.attacks.apgd import Apgd
from methods.attacks.attack import Attack, Images, gradient
from methods.attacks.carlini_wagner.linf import CarliniWagnerLinf
from methods.attacks.fgsm import Fgsm
from methods.attacks.goals import Untargeted
from methods.attacks.measuring import check_images, check_model, measure
from methods.attacks.pgd import Pgd
from methods.attacks.random_noise import RandomNoise
from methods.attacks.square import Square
from methods.errors import BadData
from methods.progress import OnStep, silent

A_FEW = 0.05
"""The share of samples that may be otherwise by chance: without a gradient, or out of reach of any change."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Masking:
    """Shares of `samples`, all of them classified rightly to begin with; success means within ε in L∞.

    zero_gradient_share: where every entry of the cross-entropy's gradient is exactly 0, in the images' number format.
    pgd and fgsm follow the cross-entropy from the image itself; hot follows that of the logits divided by the
    temperature, margin is the attack on logits that was given, cw that of Carlini and Wagner; doubled is PGD with twice
    the steps, unbounded PGD with ε = 1.
    """

    samples: int
    epsilon: float
    zero_gradient_share: float
    fgsm: float
    pgd: float
    hot: float
    margin: float
    cw: float
    doubled: float
    unbounded: float
    square: float
    noise: float
    masked: bool
    broken_by: str | None
    """The strongest of the attacks that clearly beat PGD; None where none does."""
    verdict: str


def diagnose(
    model: nn.Module,
    x: Images,
    labels: Int[Tensor, " n"],
    *,
    seeds: Int[Tensor, " n"],
    epsilon: float = 0.1,
    steps: int = 40,
    temperature: float = 100.0,
    margin: Attack | None = None,
    queries: int = 1000,
    on_step: OnStep = silent,
) -> Masking:
    """The signs of Athalye, Carlini and Wagner, arXiv 1802.00420, section 3.1, and of vanishing gradients.

    margin: any attack on the margin of the logits, APGD on the targeted DLR loss if none is given; what a minimum-norm
    attack finds counts as far as it lies within ε. queries: of Square; random noise has a tenth of them.

    Raises `BadData` where the classifier is wrong on all samples.
    """
    check_model(model)
    check_images(x)
    with torch.no_grad():
        right = model(x).argmax(1) == labels
    if not right.any():
        raise BadData(problem="the classifier is right on none of these samples", remedy="look at labels and pixels")
    x, goal, seeds = x[right], Untargeted(labels[right]), seeds[right]
    parts = torch.arange(len(x), device=x.device).split(PART)
    pgd = Pgd(epsilon=epsilon, steps=steps, random_start=False)
    hot = dataclasses.replace(pgd, temperature=temperature)
    margin = margin or Apgd(loss="t", epsilon=epsilon, steps=steps, attempts=3)
    attacks: dict[str, Attack] = {
        "fgsm": Fgsm(epsilon=epsilon),
        "pgd": pgd,
        "hot": hot,
        "margin": margin,
        "cw": CarliniWagnerLinf(steps=steps),
        "doubled": dataclasses.replace(pgd, steps=2 * steps),
        "unbounded": dataclasses.replace(pgd, epsilon=1.0),
        "square": Square(epsilon=epsilon, queries=queries),
        "noise": RandomNoise(epsilon=epsilon, tries=max(1, queries // 10)),
    }
    success = {}
    for name, attack in attacks.items():
        radius, near = (1.0 if name == "unbounded" else epsilon), 0
        for part in parts:
            found = measure(attack, model, x[part], goal[part], seeds=seeds[part], on_step=on_step)
            near += int((found.success & (found.linf <= radius + 1e-6)).sum())
        success[name] = near / len(x)
    flat = [(gradient(model, x[part], goal[part].loss)[2].flatten(1) == 0).all(1) for part in parts]
    zero = torch.cat(flat).double().mean().item()
    return judged(len(x), epsilon, zero, success, {name: attack.name for name, attack in attacks.items()})


EFFECT = 0.1
"""By how much one attack must succeed more often than another to say something: strong attacks find a few samples
more than plain ones on honest networks too (AutoAttack 3 to 5 points on published adversarially trained ones)."""
PART = 100
"""Images attacked together."""
TOO_FEW = 10
"""Samples below which no difference of success that matters could be seen."""


def clearly(samples: int) -> float:
    """The least difference of success that counts: the effect, or two standard errors of a share at its widest."""
    return max(EFFECT, max(samples, 1) ** -0.5)


def judged(samples: int, epsilon: float, zero: float, success: dict[str, float], names: dict[str, str]) -> Masking:
    """What shares of success say; `names` are those of the attacks behind them."""
    # at its best, with twice the steps, so that an attack of more gradients has no lead by that alone
    pgd, signs = max(success["pgd"], success["doubled"]), []
    beaten = pgd + clearly(samples)
    if zero > A_FEW:
        signs.append(f"the gradient of the cross-entropy is exactly zero on {zero:.0%} of the samples")
    for part in ("hot", "margin", "cw"):
        if success[part] > beaten:
            signs.append(f"{names[part]} succeeds on {success[part]:.0%} and PGD on {pgd:.0%}")
    if success["fgsm"] > beaten:
        signs.append(f"one step (FGSM, {success['fgsm']:.0%}) does better than many (PGD, {pgd:.0%})")
    for part in ("square", "noise"):
        if success[part] > beaten:
            signs.append(f"{names[part]} succeeds without gradients on {success[part]:.0%} and PGD on {pgd:.0%}")
    if success["unbounded"] < 1 - A_FEW:
        signs.append(f"PGD free to change every pixel as it likes succeeds on {success['unbounded']:.0%} only")
    best = max(("hot", "margin", "cw", "square", "noise"), key=lambda part: success[part])
    broken_by = names[best] if signs and success[best] > beaten else None
    return Masking(
        samples=samples,
        epsilon=epsilon,
        zero_gradient_share=zero,
        **success,
        masked=bool(signs),
        broken_by=broken_by,
        verdict=_verdict(samples, signs, success, broken_by, best),
    )


def _verdict(samples: int, signs: list[str], success: dict[str, float], broken_by: str | None, best: str) -> str:
    if not signs and samples < TOO_FEW:
        return (
            f"Too few samples to tell whether gradients are hidden: n = {samples}, so that differences below "
            f"{min(clearly(samples), 1):.0%} are not seen."
        )
    if not signs:
        weak = success["doubled"] > success["pgd"] + A_FEW
        advice = " PGD has not converged: give it more steps." if weak else ""
        return f"No sign that gradients are hidden: PGD succeeds on {success['pgd']:.0%}.{advice}"
    told = "The classifier hides its gradients: " + "; ".join(signs)
    if broken_by is None:
        return f"{told}. None of the attacks tried here gets around that."
    return f"{told}. Judge it by {broken_by}, which breaks {success[best]:.0%} of the samples."
