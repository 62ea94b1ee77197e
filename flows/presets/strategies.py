"""Presets of `strategies`."""

import dataclasses
from typing import Any, cast

from flows.presets import parameter_diffusion as bases
from flows.presets import transplant as transplants
from flows.studies.parameter_diffusion import ParameterDiffusion
from flows.studies.strategies import Strategies
from methods.collection.phase import Training
from methods.collection.retraining import RetrainConv, RetrainConvBn, RetrainFirst
from methods.collection.shrinking import FourBn, Shrink, ShrinkConv, ShrinkReordered
from methods.collection.strategy import LastPhase, Strategy
from methods.collection.whole import ManySeeds, WholeRun
from methods.generation.autoencoding import AutoencoderTraining, GateLimits
from methods.generation.latent_ddpm import Diffusion, Sampling
from models.autoencoder import Conv1dAutoencoder
from models.denoiser import Conv1dUnet
from tasks.generation.generators import LatentDdpm
from tasks.transplant.align import Alignment
from tasks.transplant.fine_tune import FineTuning

HEAD = ("linear.*",)


def _all(
    *,
    first: Training,
    then: Training,
    again: Training,
    gentle: float = 1e-4,
    goals: tuple[float | None, float, float],
    sizes: tuple[int, ...] = RetrainFirst().batch_sizes,
    rows: int,
    cycled: int,
    seeds: int,
    views: int,
) -> tuple[Strategy, ...]:
    """Every strategy of the note, with the head alone in a row, so that they can be compared.

    first: everything. then: of the phases after it, all of which train as long and keep `rows` rows together. again:
    after damage, at the rate `gentle` where it is only to the first convolution. goals: of the opening, and after both
    kinds of damage. sizes: of batches, one drawn per cycle.
    cycled: rows from such cycles. seeds: whole trainings of `many_seeds`.
    """
    opening, slight, severe = goals
    stage: dict[str, Any] = {"first": first, "then": then, "rows": rows, "views": views}
    cycle: dict[str, Any] = {"first": first, "first_accuracy": opening, "batch_sizes": sizes, "rows": cycled}
    gently = dataclasses.replace(again, learning_rate=gentle)
    return (
        LastPhase(
            keep=HEAD, first=first, then=dataclasses.replace(then, epochs=3 * then.epochs), rows=rows, views=views
        ),
        Shrink(**stage),
        ShrinkReordered(**stage | {"then": dataclasses.replace(then, epochs=max(1, then.epochs // 2))}),
        ShrinkConv(**stage),
        FourBn(**stage | {"then": dataclasses.replace(then, epochs=max(1, then.epochs // 2))}),
        RetrainFirst(**cycle, again=gently, accuracy=slight),
        RetrainConv(**cycle, again=again, accuracy=severe),
        RetrainConvBn(**cycle, again=again, accuracy=severe),
        WholeRun(first=first, rows=rows),
        ManySeeds(first=first, rows=seeds),
    )


def _strategy_of(base: ParameterDiffusion) -> LastPhase:
    """The strategy of a base preset, beside which the others stand."""
    return cast(LastPhase, base.strategy)


def _without_gates(base: ParameterDiffusion) -> ParameterDiffusion:
    """That no encoder knows rows which have nothing in common with the others is a result here, no mistake."""
    assert isinstance(base.generator, LatentDdpm)
    limits = dataclasses.replace(base.generator.gates, variance_kept=-1e9, accuracy_margin=1.0, latent_scale=1e9)
    return dataclasses.replace(base, generator=dataclasses.replace(base.generator, gates=limits))


def smoke() -> Strategies:
    """Every strategy once, on 500 digits: some 30 s, plus a minute of start-up. Its accuracies mean nothing."""
    base = bases.smoke()
    brief = Training(epochs=2, learning_rate=0.02, batch_size=64)
    generator = LatentDdpm(
        autoencoder=Conv1dAutoencoder(latent=4),
        denoiser=Conv1dUnet(channels=(8, 16)),
        autoencoding=AutoencoderTraining(steps=20),
        diffusion=Diffusion(steps=20, batch_size=32),
        sampling=Sampling(steps=10),
        gates=GateLimits(overfit_mse=1e9, overfit_steps=1, variance_kept=-1e9, accuracy_margin=1.0, latent_scale=1e9),
    )
    return Strategies(
        preset="smoke",
        base=dataclasses.replace(base, generator=generator, samples=4),
        strategies=_all(
            first=dataclasses.replace(brief, learning_rate=0.05),
            then=brief,
            again=dataclasses.replace(brief, learning_rate=1e-2),
            goals=(None, 0.1, 0.1),
            rows=10,
            cycled=10,
            seeds=10,
            views=1,
        ),
        alignment=Alignment(images=100),
        fine_tuning=FineTuning(training=brief, models=2, views=1),
    )


def digits() -> Strategies:
    """Handwritten digits, one ResNet-18 of width 16, the head alone (1,290 numbers), ten strategies.

    Cost: 4 minutes 30 s on two cores beside other work. Reaches: collected and generated heads near 95 % at home by
    every strategy that leaves most of the network alone, 89 to 92 % elsewhere once aligned.
    """
    base = bases.digits()
    first = _strategy_of(base).first
    return Strategies(
        preset="digits",
        base=_without_gates(dataclasses.replace(base, samples=100)),
        strategies=_all(
            first=first,
            then=Training(epochs=20, learning_rate=0.05, batch_size=64),
            again=Training(epochs=10, learning_rate=0.05),
            gentle=0.05,
            goals=(None, 0.9, 0.85),
            sizes=(16, 32, 64),
            rows=60,
            cycled=24,
            seeds=12,
            views=4,
        ),
        fine_tuning=transplants.digits().fine_tuning,
    )


def cifar10_small() -> Strategies:
    """Any CIFAR-10 as Parquet (set base.data.source=parquet:PATH), the network of `parameter_diffusion`'s preset.

    Cost: not measured; 30 trainings for `many_seeds` alone, about as much again for the others.
    """
    base = _without_gates(bases.cifar10_small())
    return Strategies(
        preset="cifar10_small",
        base=base,
        strategies=_all(
            first=_strategy_of(base).first,
            then=Training(epochs=10, learning_rate=0.05),
            again=Training(epochs=10, learning_rate=1e-2),
            goals=(None, 0.7, 0.65),
            rows=200,
            cycled=60,
            seeds=30,
            views=4,
        ),
        fine_tuning=transplants.cifar10_small().fine_tuning,
    )


def note() -> Strategies:
    """The source note's own figures on CIFAR-10 by torchvision: full width, 100 epochs and more a phase; GPU.

    Cost: not measured; 200 trainings of 100 epochs for `many_seeds` alone.
    """
    base = _without_gates(bases.cifar10())
    return Strategies(
        preset="note",
        base=base,
        strategies=(
            _strategy_of(base),
            Shrink(),
            ShrinkReordered(),
            ShrinkConv(),
            FourBn(),
            RetrainFirst(),
            RetrainConv(),
            RetrainConvBn(),
            WholeRun(),
            ManySeeds(),
        ),
        fine_tuning=transplants.note().fine_tuning,
    )
