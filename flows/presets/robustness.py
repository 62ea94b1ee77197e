"""Presets of `robustness`."""

import dataclasses

from flows.presets import parameter_diffusion as bases
from flows.studies.parameter_diffusion import ParameterDiffusion
from flows.studies.robustness import Robustness, Siblings
from methods.attacks.autoattack import AutoAttack
from methods.attacks.carlini_wagner.l0 import CarliniWagnerL0
from methods.attacks.carlini_wagner.l2 import CarliniWagnerL2
from methods.attacks.carlini_wagner.linf import CarliniWagnerLinf
from methods.attacks.ddn import Ddn
from methods.attacks.elastic_net import ElasticNet
from methods.attacks.fgsm import Fgsm
from methods.attacks.jsma import Jsma
from methods.attacks.pgd import Pgd
from methods.attacks.plain_gradient import PlainGradient
from methods.attacks.random_noise import RandomNoise
from methods.attacks.spatial import Spatial
from methods.attacks.square import Square
from methods.defences.adversarial_training import AdversarialTraining
from methods.defences.distillation import Distillation
from methods.defences.supervised import Schedule
from methods.defences.undefended import Undefended
from tasks.robustness.attack_configs import Attempt
from tasks.robustness.attack_metrics import Budgets
from tasks.robustness.tutorial import Tutorial

PLAIN = PlainGradient(epsilon=0.2, step_size=1.0, targeted_step_size=0.05)
"""The tutorial's descent, with steps and ε for small pictures in place of photographs."""


def _attempts(
    budgets: Budgets,
    *,
    searches: int = 9,
    steps: int = 100,
    cw_steps: int | None = None,
    queries: int = 5000,
    grid: Spatial = Spatial(),
) -> tuple[Attempt, ...]:
    """Every attack. searches, steps: of those that look for the nearest image. cw_steps: of untargeted C&W in L2, if
    not `steps`. queries: of Square. grid: of poses.
    """
    epsilon = budgets.linf
    attacks = (
        Fgsm(epsilon=epsilon),
        Pgd(epsilon=epsilon),
        Pgd(norm="l2", epsilon=budgets.l2),
        Pgd(norm="l1", epsilon=budgets.l1),
        dataclasses.replace(PLAIN, epsilon=epsilon),
        AutoAttack(epsilon=epsilon, steps=steps, queries=queries),
        AutoAttack(norm="l2", epsilon=budgets.l2, steps=steps),
        CarliniWagnerL2(search_steps=searches, steps=cw_steps or steps),
        CarliniWagnerL0(steps=steps),
        CarliniWagnerLinf(steps=steps),
        ElasticNet(searches=searches, steps=steps),
        ElasticNet(rule="l1", searches=searches, steps=steps),
        Ddn(steps=steps),
        Jsma(),
        Jsma(output="z"),
        Jsma(output="pair"),
        Square(epsilon=epsilon, queries=queries),
        RandomNoise(epsilon=epsilon, tries=max(1, queries // 50)),
        grid,
    )
    targeted = (Pgd(epsilon=epsilon), CarliniWagnerL2(search_steps=searches, steps=steps))
    return (
        *(Attempt(attack=attack) for attack in attacks),
        *(Attempt(attack=attack, targeted=True) for attack in targeted),
    )


def _siblings(epsilon: float, models: int) -> Siblings:
    """FGSM and PGD, whose cost allows many models."""
    return Siblings(
        models=models, attacks=(Attempt(attack=Fgsm(epsilon=epsilon)), Attempt(attack=Pgd(epsilon=epsilon)))
    )


def smoke() -> Robustness:
    """All attacks, a few steps of each, on 12 digits: about 20 s, plus start-up. Its numbers mean nothing."""
    schedule, budgets = Schedule(epochs=2, batch_size=64), Budgets(linf=0.1, l2=1.0, l1=10.0, l0=10)
    return Robustness(
        preset="smoke",
        base=bases.smoke(),
        defences=(Distillation(schedule=schedule), AdversarialTraining(epsilon=0.1, steps=2, schedule=schedule)),
        attacks=_attempts(budgets, searches=2, steps=5, queries=20),
        generated=_siblings(0.1, 2),
        budgets=budgets,
        images=12,
        block=6,
        masking_images=12,
        masking_queries=20,
    )


def digits() -> Robustness:
    """Handwritten digits: the network of `parameter_diffusion`'s preset, its defended variants, 20 generated models.

    Cost: 2 to 3 minutes on two cores beside the networks that it shares, which is why the searches are short; give
    `images=200`, and attacks at length, for figures that are to be quoted. Variants train until the loss on validation
    images stops improving (decision 19). At T = 100 logits must grow a hundredfold, hence the learning rate.
    Carlini and Wagner's untargeted attack in L2 has 40 steps: with 20 it missed an image of two students of four.
    """
    budgets = Budgets(linf=0.1, l2=0.5, l1=2.0, l0=5)
    schedule = Schedule(epochs=32, learning_rate=1e-2, batch_size=64, patience=3)
    return Robustness(
        preset="digits",
        base=bases.digits(),
        defences=(
            Distillation(schedule=Schedule(epochs=48, learning_rate=2e-2, batch_size=64, patience=3)),
            AdversarialTraining(epsilon=budgets.linf, steps=2, step_size=0.75, schedule=schedule),
            Undefended(schedule=schedule),
        ),
        attacks=_attempts(
            budgets, searches=3, steps=20, cw_steps=40, queries=100, grid=Spatial(rotations=11, shifts=3)
        ),
        generated=_siblings(budgets.linf, 20),
        budgets=budgets,
        images=40,
        block=40,
        masking_images=40,
        masking_queries=100,
        seeds=(0, 1),
    )


def cifar10_small() -> Robustness:
    """Any CIFAR-10 as Parquet (set base.data.source=parquet:PATH), the network of `parameter_diffusion`'s preset.

    No generated models: a fit of them takes longer than all else (give `generated` for them). Budgets as usual for
    CIFAR-10: 8/255 in L∞, 0.5 in L2.
    """
    budgets = Budgets(linf=8 / 255, l2=0.5, l1=12.0, l0=25)
    return Robustness(
        preset="cifar10_small",
        base=bases.cifar10_small(),
        defences=(
            Distillation(schedule=Schedule(epochs=6, learning_rate=5e-3)),
            AdversarialTraining(
                epsilon=budgets.linf, steps=2, step_size=0.75, schedule=Schedule(epochs=5, learning_rate=3e-3)
            ),
        ),
        attacks=_attempts(budgets, searches=4, steps=40, queries=500, grid=Spatial(rotations=11, shifts=3)),
        budgets=budgets,
        images=100,
        block=50,
        masking_images=50,
        masking_queries=500,
    )


def tutorial() -> Robustness:
    """One image attacked by plain gradient descent, without and with a target, step by step.

    Give `tutorial.weights` (a file, or `download`) for ResNet-50 and a photograph: about a minute on two cores. Without
    them a network trained on handwritten digits stands in, and the report says so.
    """
    return Robustness(
        preset="tutorial",
        base=bases.digits(),
        attacks=(Attempt(attack=PLAIN), Attempt(attack=PLAIN, targeted=True)),
        budgets=Budgets(linf=0.2, l2=1.0, l1=8.0, l0=8),
        tutorial=Tutorial(stand_in=PLAIN),
        masking_images=None,
    )


def paper() -> Robustness:
    """The published settings at length (C&W 9 × 1,000, Square 5,000 queries, T = 100) on CIFAR-10 by torchvision; GPU.

    Cost: not measured. All 200 generated models, FGSM and PGD.
    """
    budgets = Budgets(linf=8 / 255, l2=0.5, l1=12.0, l0=25)
    base: ParameterDiffusion = bases.cifar10()
    return Robustness(
        preset="paper",
        base=base,
        defences=(
            Distillation(schedule=Schedule(epochs=100)),
            AdversarialTraining(epsilon=budgets.linf, schedule=Schedule(epochs=100)),
        ),
        attacks=_attempts(budgets, steps=1000),
        generated=_siblings(budgets.linf, 200),
        budgets=budgets,
        images=1000,
        block=250,
        masking_images=1000,
    )
