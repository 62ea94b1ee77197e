"""Presets of `parameter_diffusion` in which a row is a whole network: every parameter is collected and generated."""

from flows.studies.parameter_diffusion import ParameterDiffusion
from methods.collection.strategy import LastPhase, Training
from methods.generation.latent_ddpm import Diffusion
from models import CifarResNet
from models.conv_net import ConvNet
from models.token_denoiser import TokenSet
from storage.datasets import Data
from tasks.generation.generators import GramPca
from tasks.generation.token_generator import TokenDiffusion

WHOLE = ("*",)
DIGITS = Data(source="digits", validation=0.2, crop_padding=1)


def _tokens() -> TokenDiffusion:
    return TokenDiffusion(width=256, components=8, tokens=64, denoiser=TokenSet(), diffusion=Diffusion(steps=800))


def whole_conv_net() -> ParameterDiffusion:
    """Handwritten digits, a small conv net whole (3,658 numbers), two networks; MNIST with data.source=mnist.

    Cost: 2.5 minutes of one core. Expected: originals near 96.2 %, generated models 0.8 points better, the mean of the
    rows better still; the audit calls the generated models replicas.
    """
    return ParameterDiffusion(
        preset="whole_conv_net",
        data=DIGITS,
        network=ConvNet(),
        strategy=LastPhase(
            keep=WHOLE,
            first=Training(epochs=30, learning_rate=0.1, batch_size=64, schedule="one_cycle"),
            then=Training(epochs=100, learning_rate=0.02, batch_size=32),
            rows=200,
            views=8,
        ),
        generator=_tokens(),
        seeds=(0, 1),
    )


def whole_resnet18() -> ParameterDiffusion:
    """Handwritten digits, CIFAR ResNet-18 of width 8 whole (176,258 numbers), two networks.

    Cost: 4 minutes of one core and 2.3 GiB a network. Expected: originals near 98.1 %, generated models 0.6 points
    better, averages of 16 rows as good; the audit calls the generated models replicas.
    """
    return ParameterDiffusion(
        preset="whole_resnet18",
        data=DIGITS,
        network=CifarResNet(depth=18, width=8),
        strategy=LastPhase(
            keep=WHOLE,
            buffers="recalibrate",
            first=Training(epochs=10, learning_rate=0.1, batch_size=64, schedule="one_cycle"),
            then=Training(epochs=100, learning_rate=0.05, batch_size=64),
            rows=200,
            views=8,
        ),
        generator=_tokens(),
        samples=50,
        seeds=(0, 1),
    )


def whole_resnet18_full() -> ParameterDiffusion:
    """Handwritten digits, CIFAR ResNet-18 at full width, whole (11.2 million numbers), one network.

    Cost: 10 minutes of one core, 2.4 GiB and up to 5.3 GiB more of mapped files, 9 GiB of disk. Expected: originals,
    generated models and averages all near 98 %; the audit calls the generated models replicas. 64 rows leave 34 to fit.
    """
    return ParameterDiffusion(
        preset="whole_resnet18_full",
        data=DIGITS,
        network=CifarResNet(depth=18, width=64),
        strategy=LastPhase(
            keep=WHOLE,
            buffers="recalibrate",
            first=Training(epochs=12, learning_rate=0.05, batch_size=32, schedule="one_cycle"),
            then=Training(epochs=8, learning_rate=0.02, batch_size=64),
            rows=64,
            views=8,
        ),
        generator=GramPca(),
        samples=8,
    )
