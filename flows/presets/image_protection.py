"""Presets of `image_protection`."""

import dataclasses
from collections.abc import Sequence

from flows.presets.inpainting import small
from flows.studies.image_protection import ImageProtection
from methods.backdoor.triggers import Watermark
from methods.inpainting.quality import Quality
from methods.protection.distortions import Blur, Distortions, Resize
from methods.protection.judging import Judge
from methods.protection.noise_control import NoiseControl
from methods.protection.objective import Losses
from methods.protection.runtime_faithful import RuntimeFaithful
from methods.protection.runtime_pgd import RuntimePgd
from methods.protection.training_time import TrainingTime
from models.lama import FourierUNet, InpaintingNetwork, Lama
from models.patch_discriminator import PatchDiscriminator
from storage.photographs import Photographs
from tasks.protection.adapters.classical import Classical
from tasks.protection.adapters.inpainters import OwnInpainter, ReleasedLama
from tasks.protection.editors import Trained
from tasks.protection.protect import USUAL, Trial
from tasks.protection.regions import Regions
from tasks.protection.transforms import JpegFile

SWEEP = (4 / 255, USUAL, 8 / 255, 16 / 255)
CLASSICAL = (Classical(), Classical(kind="navier_stokes"))
SMALL = FourierUNet(downsamplings=3, most=64)
TRANSFORMS = (JpegFile(quality=95), JpegFile(quality=75), JpegFile(quality=50), Resize(), Blur())
BESIDE = {
    "runtime_pgd_robust": Losses(distortions=Distortions()),
    "runtime_pgd_hide0": Losses(hide_weight=0.0),
    "runtime_pgd_hide8": Losses(hide_weight=8.0),
}
"""Sign steps that differ from the usual ones in what they lower, tried at the largest ε alone."""


def _methods(
    *,
    beside: int,
    epsilons: Sequence[float] = SWEEP,
    iterations: int = 20,
    faithful: Sequence[float] = (USUAL,),
    strong: int = 0,
    longest: int = 200,
) -> tuple[Trial, ...]:
    """Sign steps and their control at every ε, the published optimiser at some. beside, strong: images of `BESIDE` and
    of the long search, of `longest` steps; a trial that says how many is made against no variants and counts in no
    curve.
    """
    trials = [Trial(method=RuntimePgd(epsilon=epsilon, iterations=iterations)) for epsilon in epsilons]
    trials += [Trial(method=RuntimeFaithful(epsilon=epsilon, iterations=iterations)) for epsilon in faithful]
    trials += [Trial(method=NoiseControl(epsilon=epsilon)) for epsilon in epsilons]
    largest = max(epsilons)
    for label, losses in BESIDE.items():
        method = RuntimePgd(epsilon=largest, iterations=iterations, losses=losses)
        trials.append(Trial(method=method, label=label, images=beside))
    if strong:
        search = RuntimePgd(epsilon=largest, iterations=longest, step_size=0.25, restarts=2)
        trials.append(Trial(method=search, label="runtime_pgd_strong", images=strong))
    return tuple(trials)


def _small(name: str, steps: int, network: InpaintingNetwork = SMALL) -> Trained:
    """As the one that comes along, by the absolute error inside of the holes alone."""
    training = dataclasses.replace(small().training, steps=steps, batch=8, l1_hole=20.0)
    return Trained(name=name, network=network, judge=PatchDiscriminator(width=16), training=training)


def _judged(name: str, steps: int, weight: float) -> Trained:
    """With LaMa's adversarial losses besides, in its proportion of one to the other."""
    usual = _small(name, steps)
    training = dataclasses.replace(usual.training, adversarial=weight, feature_matching=10 * weight, penalty_every=16)
    return dataclasses.replace(usual, training=training)


def smoke() -> ImageProtection:
    """Every stage once, on four small squares, an inpainter of 6 steps: about 10 s, plus start-up; it means nothing."""
    losses = Losses(expansion=4)
    tiny = _small("brief", 6, FourierUNet(width=4, blocks=1))
    training = dataclasses.replace(tiny.training, batch=2)
    methods = (
        Trial(method=RuntimePgd(iterations=2, losses=losses)),
        Trial(method=RuntimePgd(epsilon=16 / 255, iterations=2, losses=losses)),
        Trial(method=RuntimePgd(epsilon=16 / 255, iterations=3, restarts=2, losses=losses), label="strong", images=2),
        *(
            Trial(
                method=RuntimePgd(epsilon=16 / 255, iterations=2, losses=dataclasses.replace(each, expansion=4)),
                label=label,
                images=2,
            )
            for label, each in BESIDE.items()
        ),
        Trial(method=RuntimeFaithful(iterations=2, losses=losses)),
        Trial(method=NoiseControl(losses=losses)),
        Trial(method=NoiseControl(epsilon=16 / 255, losses=losses)),
        Trial(method=TrainingTime(trigger=Watermark(size=3, period=8))),
    )
    return ImageProtection(
        preset="smoke",
        data=Photographs(size=48, training_size=32, tiles=1, crops=2),
        inpainter=dataclasses.replace(tiny, training=training),
        variants=(_small("without_fourier", 6, FourierUNet(width=4, blocks=1, global_share=0.0)),),
        others=CLASSICAL,
        methods=methods,
        implanting=training,
        transforms=(JpegFile(), Resize(), Blur()),
        regions=Regions(side=10, margin=5, far_side=8),
        judge=Judge(expansion=4),
        quality=Quality(each=1),
        images=2,
        block=2,
    )


def digits() -> ImageProtection:
    """Embedded photographs, no digits: 8 squares of 64 pixels, four ε, the inpainter that comes with the project.

    Cost: about 4 minutes of one core, half of that on two.
    """
    return ImageProtection(
        preset="digits",
        data=Photographs(size=64, training_size=48, tiles=4, crops=400),
        inpainter=OwnInpainter(),
        others=CLASSICAL,
        methods=(
            *_methods(beside=4, strong=1, longest=100),
            Trial(method=TrainingTime(target="negative", share=0.8)),
        ),
        implanting=dataclasses.replace(_small("", 600).training, learning_rate=2e-3, l1_hole=40.0),
        transforms=TRANSFORMS,
        regions=Regions(side=20, far_side=12),
        quality=Quality(each=2),
        images=8,
    )


def photos() -> ImageProtection:
    """Your own photographs (set data.source=parquet:PATH or folder:PATH): ten inpainters, each trained by the run.

    They differ from `usual` in one thing each: depth, share of Fourier channels, adversarial weight, length of
    training; `as_lama` has LaMa's own shape, without a smooth fill to begin from. Cost: about 45 minutes of one core,
    of which the trainings are half.
    """
    steps = 1000
    plain = _small("as_lama", steps, Lama(width=16, blocks=3, downsamplings=2, global_share=0.25))
    return dataclasses.replace(
        digits(),
        preset="photos",
        data=Photographs(source="parquet:photos", size=64, training_size=48, tiles=1, crops=8),
        inpainter=_small("usual", steps),
        variants=(
            _small("shallow", steps, dataclasses.replace(SMALL, blocks=0)),
            _small("deep", steps, dataclasses.replace(SMALL, blocks=6)),
            _small("no_fourier", steps, dataclasses.replace(SMALL, global_share=0.0)),
            _small("much_fourier", steps, dataclasses.replace(SMALL, global_share=0.75)),
            _small("short", steps // 4),
            _small("long", 4 * steps),
            _judged("adversarial", steps, 0.1),
            _judged("more_adversarial", steps, 1.0),
            dataclasses.replace(plain, training=dataclasses.replace(plain.training, l1_known=5.0)),
        ),
        methods=_methods(beside=12, strong=2),
        implanting=None,
        images=12,
    )


def lama() -> ImageProtection:
    """LaMa as it was released (set inpainter.path to big-lama's models/best.ckpt), on the embedded photographs.

    192 pixels, 12 squares, all ε with both optimisers and a long search. Cost: not measured; a GPU is meant.
    """
    return dataclasses.replace(
        digits(),
        preset="lama",
        data=Photographs(size=192, tiles=2),
        inpainter=ReleasedLama(path="big-lama/models/best.ckpt"),
        methods=_methods(beside=12, faithful=SWEEP, strong=4),
        implanting=None,
        regions=Regions(side=60, far_side=36),
        quality=Quality(),
        images=12,
        block=4,
    )
