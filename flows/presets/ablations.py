"""Presets of `ablations`."""

import dataclasses

from flows.presets import parameter_diffusion as bases
from flows.studies.ablations import Ablations, Cell
from methods.generation.autoencoding import AutoencoderTraining
from methods.generation.latent_ddpm import Diffusion
from models.autoencoder import Conv1dAutoencoder
from models.denoiser import Conv1dUnet
from tasks.generation.generators import LatentDdpm

BASE = Cell(varied="base", value="as preset", published=-4.2)


def _cell(varied: str, value: str, *changes: str, published: float | None = None) -> Cell:
    return Cell(varied=varied, value=value, changes=changes, published=published)


def _rows(count: int, published: float) -> Cell:
    return _cell("snapshots fitted", str(count), f"fit_rows={count}", published=published)


def _noise(name: str, input_noise: float, latent_noise: float, published: float) -> Cell:
    return _cell(
        "noise",
        name,
        f"generator.autoencoding.input_noise={input_noise}",
        f"generator.autoencoding.latent_noise={latent_noise}",
        published=published,
    )


def _autoencoder(name: str, kind: str, more: str = "") -> Cell:
    return _cell("autoencoder", name, f'generator.autoencoder={{"kind": "{kind}"{more}}}')


NONE, INPUT, LATENT = _noise("none", 0, 0, -10.8), _noise("input", 1e-3, 0, -9.9), _noise("latent", 0, 0.1, -4.5)
PAPER_LATENT = _noise("latent", 0, 0.5, -4.5)
"""Published (first version, CIFAR-100, originals 76.6): means 65.8, 66.7, 72.1, and 72.4 with both, as the base has.

The latent noise of that version is 0.5; the small presets have that of the current one, 0.1.
"""
ONE, TEN, FIFTY = _rows(1, -5.9), _rows(10, -5.4), _rows(50, -5.3)
"""Published (the same cell): 70.7, 71.2, 71.3, and 72.4 with 200 rows, 72.3 with 500."""
LINEAR = _autoencoder("linear", "linear", ', "latent": "auto"')
CONV2D = _autoencoder("conv2d", "conv2d", ', "latent": "auto"')
WITHOUT = _autoencoder("none", "none")
HEAD = _cell("train layers", "head", 'strategy.keep=["linear.*"]')
NORMS = _cell("train layers", "last norms", 'strategy.keep=["layer4.1.bn1.*", "layer4.1.bn2.*"]')
BOTH = _cell("train layers", "last norms and head", 'strategy.keep=["layer4.1.bn1.*", "layer4.1.bn2.*", "linear.*"]')
ONE_SHOT = _cell("sampler", "one_shot", "generator.sampling.kind=one_shot")


def _rate(value: float) -> Cell:
    return _cell("snapshot learning rate", f"{value:g}", f"strategy.then.learning_rate={value}")


def _steps(count: int) -> Cell:
    return _cell("diffusion steps", str(count), f"generator.diffusion.steps={count}")


def smoke() -> Ablations:
    """Three cells of the smoke preset: about 20 s, plus a minute of start-up. Its accuracies mean nothing."""
    return Ablations(preset="smoke", base=bases.smoke(), cells=(BASE, LINEAR, ONE_SHOT))


def digits() -> Ablations:
    """Handwritten digits, one network: a cell of every factor, 100 models each.

    Cost: 4 minutes beside other work on two cores.
    """
    generator = LatentDdpm(
        autoencoder=Conv1dAutoencoder(latent="auto"),
        denoiser=Conv1dUnet(channels=(16, 32, 32)),
        autoencoding=AutoencoderTraining(steps=300),
        diffusion=Diffusion(steps=400),
    )
    base = dataclasses.replace(bases.digits(), samples=100, generator=generator)
    cells = (BASE, TEN, NONE, LINEAR, HEAD, _steps(100), _rate(0.02), ONE_SHOT)
    return Ablations(preset="digits", base=base, cells=cells)


def cifar10_small() -> Ablations:
    """All factors on any CIFAR-10 as Parquet (set base.data.source=parquet:PATH), one network, 200 models a cell.

    Cost: not measured; collection once for every choice of layers and learning rate, then minutes a cell.
    """
    return Ablations(preset="cifar10_small", base=bases.cifar10_small(), cells=_all(500, NORMS))


def paper() -> Ablations:
    """All factors with the published settings on CIFAR-100. Cost: not measured; one GPU."""
    return Ablations(preset="paper", base=bases.paper(), cells=_all(2000, BOTH, PAPER_LATENT))


def _all(few_steps: int, layers: Cell, latent: Cell = LATENT) -> tuple[Cell, ...]:
    more = _cell("snapshots fitted", "all of 500", "strategy.rows=500", published=-4.3)
    return (
        BASE,
        *(ONE, TEN, FIFTY, more),
        *(NONE, INPUT, latent),
        *(LINEAR, CONV2D, WITHOUT),
        *(HEAD, layers),
        *(_steps(few_steps // 2), _steps(few_steps)),
        *(_rate(0.005), _rate(0.2)),
        ONE_SHOT,
    )
