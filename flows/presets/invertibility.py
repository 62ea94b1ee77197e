"""Presets of `invertibility`."""

from flows.studies.invertibility import Invertibility
from methods.attacks.carlini_wagner.l2 import CarliniWagnerL2
from methods.attacks.fgsm import Fgsm
from methods.attacks.pgd import Pgd
from methods.collection.phase import Training
from methods.invertibility.cross_entropy import CrossEntropy
from methods.invertibility.independence import IndependenceCrossEntropy
from methods.invertibility.neighbours import Neighbours
from methods.invertibility.readout import Readout
from methods.invertibility.schedule import AdamaxSteps
from models import CifarResNet, ConvNet, InvertibleNetwork
from storage.datasets import Data
from tasks.invertibility.metamers import Exhibition
from tasks.invertibility.reference_classifier import Witness
from tasks.robustness.attack_configs import Attempt
from tasks.robustness.attack_metrics import Budgets


def _attempts(budgets: Budgets, *, searches: int, steps: int) -> tuple[Attempt, ...]:
    """FGSM, PGD in L∞ and L2, and Carlini and Wagner's search for the nearest image."""
    return (
        Attempt(attack=Fgsm(epsilon=budgets.linf)),
        Attempt(attack=Pgd(epsilon=budgets.linf)),
        Attempt(attack=Pgd(norm="l2", epsilon=budgets.l2)),
        Attempt(attack=CarliniWagnerL2(search_steps=searches, steps=steps)),
    )


def smoke() -> Invertibility:
    """Every stage once, on 300 digits: about 15 s, plus start-up. Its numbers mean nothing."""
    schedule, budgets = AdamaxSteps(epochs=2, batch_size=64), Budgets(linf=0.1, l2=0.5, l1=2.0, l0=5)
    return Invertibility(
        preset="smoke",
        data=Data(source="digits", train_limit=300, test_limit=100, validation=0.2),
        network=InvertibleNetwork(levels=2, steps=2, hidden=8),
        ce=CrossEntropy(schedule=schedule),
        ice=IndependenceCrossEntropy(schedule=schedule, adversary=(32,), neighbours=Neighbours()),
        witness=Witness(network=ConvNet(), training=Training(epochs=4, learning_rate=0.1, batch_size=64)),
        readout=Readout(hidden=(32,), epochs=5, patience=2),
        metamers=Exhibition(n=40, pictured=4, strips=2, steps=5),
        attacks=_attempts(budgets, searches=1, steps=5),
        budgets=budgets,
        images=12,
        block=12,
    )


def digits() -> Invertibility:
    """Handwritten digits, two levels of 8 steps, 32 hidden channels: about 1 minute of two cores (estimated).

    Settings of iCE were chosen on validation (decision 16); the other losses have the same schedule and noise. Reached
    on test, three seeds: nuisance error 36.8 % at 2.4 %, likelihood alone 30.8 % at 2.5 %, cross-entropy 1.5 % at
    1.6 %.
    """
    schedule, noise = AdamaxSteps(epochs=60, learning_rate=8e-3), 0.12
    budgets = Budgets(linf=0.1, l2=0.5, l1=2.0, l0=5)
    return Invertibility(
        preset="digits",
        data=Data(source="digits", validation=0.2),
        network=InvertibleNetwork(levels=2, steps=8, hidden=32),
        ce=CrossEntropy(schedule=schedule, noise=noise),
        ice=IndependenceCrossEntropy(
            schedule=schedule,
            nuisance_weight=0.25,
            adversary=(256, 256),
            adversary_learning_rate=2e-3,
            neighbours=Neighbours(weight=0.25),
            noise=noise,
        ),
        witness=Witness(
            network=ConvNet(), training=Training(epochs=20, learning_rate=0.1, batch_size=64, schedule="one_cycle")
        ),
        readout=Readout(epochs=100, patience=10),
        shift_epochs=12,
        attacks=_attempts(budgets, searches=3, steps=20),
        budgets=budgets,
        images=100,
    )


def mnist() -> Invertibility:
    """MNIST by torchvision, resized to 32×32, the published network, Adamax and adversary: a GPU; cost not measured.

    Not as published: pixels are resized and not padded, and a second adversary, of neighbours, stands beside the first.
    The number of epochs is not known.

    Published (stored submission): nuisance and test error of iCE 27.7 and 0.38 %, of cross-entropy 0.34 and 0.39 %.
    """
    schedule, budgets = AdamaxSteps(epochs=60), Budgets(linf=0.1, l2=1.5, l1=10.0, l0=20)
    return Invertibility(
        preset="mnist",
        data=Data(source="mnist", size=32, validation=0.1),
        network=InvertibleNetwork(),
        ce=CrossEntropy(schedule=schedule),
        ice=IndependenceCrossEntropy(schedule=schedule, neighbours=Neighbours()),
        witness=Witness(
            network=ConvNet(channels=(32, 64)),
            training=Training(epochs=10, learning_rate=0.1, schedule="one_cycle"),
        ),
        metamers=Exhibition(n=1000),
        attacks=_attempts(budgets, searches=5, steps=100),
        budgets=budgets,
        images=200,
    )


def cifar10_small() -> Invertibility:
    """Any CIFAR-10 as Parquet (set data.source=parquet:PATH), 6,000 training images, three levels of 6 steps.

    Cost: 11 minutes on two cores beside other work. Reached on test, one seed: nuisance error 64.1 % at 56.8 %,
    likelihood alone 51.8 % at 50.7 %, cross-entropy 45.6 % at 44.6 %; metamers look like the nuisance's image.
    """
    schedule, noise = AdamaxSteps(epochs=12, learning_rate=4e-3), 0.02
    budgets = Budgets(linf=8 / 255, l2=0.5, l1=12.0, l0=25)
    return Invertibility(
        preset="cifar10_small",
        data=Data(source="parquet:cifar10", validation=0.05, train_limit=6000, test_limit=2000, flip=True),
        network=InvertibleNetwork(levels=3, steps=6, hidden=32),
        ce=CrossEntropy(schedule=schedule, noise=noise),
        ice=IndependenceCrossEntropy(
            schedule=schedule,
            adversary=(256, 256),
            adversary_learning_rate=2e-3,
            neighbours=Neighbours(),
            noise=noise,
        ),
        witness=Witness(
            network=CifarResNet(depth=18, width=16),
            training=Training(epochs=8, learning_rate=0.2, schedule="one_cycle"),
        ),
        readout=Readout(epochs=40, patience=5),
        shift_epochs=3,
        attacks=_attempts(budgets, searches=3, steps=30),
        budgets=budgets,
        images=100,
        block=50,
    )
