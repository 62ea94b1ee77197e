"""Presets of `robustness`."""

from flows.configuration import Robustness, Siblings
from flows.presets import parameter_diffusion as bases
from methods.attacks.apgd import Apgd
from methods.attacks.fgsm import Fgsm
from methods.attacks.pgd import Pgd
from methods.attacks.plain_gradient import PlainGradient
from methods.attacks.random_noise import RandomNoise
from methods.attacks.square import Square
from methods.defences.adversarial_training import AdversarialTraining
from methods.defences.distillation import Distillation
from methods.defences.supervised import Schedule
from tasks.attempts import Attempt
from tasks.robust import Budgets
from tasks.tutorial import Tutorial


def _attempts(epsilon: float, l2: float, l1: float, *, queries: int = 500) -> tuple[Attempt, ...]:
    attacks = (
        Fgsm(epsilon=epsilon),
        Pgd(epsilon=epsilon),
        Pgd(norm="l2", epsilon=l2),
        Pgd(norm="l1", epsilon=l1),
        Apgd(epsilon=epsilon),
        Square(epsilon=epsilon, queries=queries),
        RandomNoise(epsilon=epsilon),
    )
    return tuple(Attempt(attack=attack) for attack in attacks)


def smoke() -> Robustness:
    """Two attacks and one defence on 20 digits: about 15 s, plus a minute of start-up. Its accuracies mean nothing."""
    schedule = Schedule(epochs=2, batch_size=64)
    return Robustness(
        preset="smoke",
        base=bases.smoke(),
        defences=(Distillation(schedule=schedule), AdversarialTraining(epsilon=0.1, steps=2, schedule=schedule)),
        attacks=_attempts(0.1, 1.0, 10.0, queries=50),
        generated=Siblings(models=4, attacks=(Attempt(attack=Fgsm(epsilon=0.1)),)),
        budgets=Budgets(linf=0.1, l2=1.0, l1=10.0, l0=10),
        images=20,
        block=10,
        masking_images=20,
    )


def digits() -> Robustness:
    """Handwritten digits, the networks of `parameter_diffusion`'s preset, three defended twins, 20 generated models."""
    schedule = Schedule(epochs=30, batch_size=64)
    return Robustness(
        preset="digits",
        base=bases.digits(),
        defences=(Distillation(schedule=schedule), AdversarialTraining(epsilon=0.1, schedule=schedule)),
        attacks=_attempts(0.1, 0.5, 2.0),
        generated=Siblings(models=20, attacks=(Attempt(attack=Fgsm(epsilon=0.1)), Attempt(attack=Pgd(epsilon=0.1)))),
        budgets=Budgets(linf=0.1, l2=0.5, l1=2.0, l0=5),
        images=100,
        block=50,
        seeds=(0, 1),
    )


def tutorial() -> Robustness:
    """One image attacked by plain gradient descent, without and with a target, step by step.

    Give `tutorial.weights` (a file, or `download`) for ResNet-50 and a photograph: about a minute on two cores. Without
    them a network trained on handwritten digits stands in, and the report says so.
    """
    attack = PlainGradient(epsilon=0.2, step_size=1.0, targeted_step_size=0.05)
    return Robustness(
        preset="tutorial",
        base=bases.digits(),
        attacks=(Attempt(attack=attack), Attempt(attack=attack, targeted=True)),
        budgets=Budgets(linf=0.2, l2=1.0, l1=8.0, l0=8),
        tutorial=Tutorial(stand_in=attack),
        masking_images=None,
    )
