"""200 models that differ in the last two norms of a full-width ResNet-18, against one forward pass per model."""

import statistics
import time

import torch
import torch.nn.functional as F
from torch import nn

from methods.evaluation.boundary import pixels
from methods.evaluation.many import predict_many
from models import CifarResNet, build

KEY = "evaluation_speedup"
TARGET = 25.0
BATCH = 64  # the plain loop is at its best near 64; batches of 512 take it 1.7× as long
TIMED = 2
TINY = {"width": 4, "models": 4, "images": 80, "rounds": 1}


def measure(*, width: int = 64, models: int = 200, images: int = 512, rounds: int = 3) -> dict[str, object]:
    """Both sides on one thread, interleaved: the plain loop on 6 of the models, ours on all, prefix included."""
    torch.set_num_threads(1)
    network, pictures = _network(width), _pictures(images, seed=0)
    generator = torch.Generator().manual_seed(1)
    parameters = {
        name: value.detach() + 0.1 * torch.randn(models, *value.shape, generator=generator)
        for name, value in network.named_parameters()
        if name.startswith(("layer4.1.bn1.", "layer4.1.bn2."))
    }
    ours, theirs = [], []
    predict_many(network, parameters, pictures[:BATCH], batch=BATCH)  # warm both sides
    _plain(network, {}, pictures[:BATCH])
    for turn in range(rounds):
        start = time.perf_counter()
        predicted = predict_many(network, parameters, pictures, batch=BATCH)
        ours.append(time.perf_counter() - start)
        for model in range(turn * TIMED, (turn + 1) * TIMED):
            start = time.perf_counter()
            alone = _plain(network, {name: value[model] for name, value in parameters.items()}, pictures)
            theirs.append(time.perf_counter() - start)
            if not torch.equal(alone, predicted[model]):
                raise RuntimeError(f"model {model}: {(alone != predicted[model]).sum()} predictions differ")
    ours_seconds, theirs_seconds = statistics.median(ours), statistics.median(theirs) * models
    return {
        "ratio": theirs_seconds / ours_seconds,
        "ours_seconds": ours_seconds,
        "theirs_seconds": theirs_seconds,
        "target": TARGET,
        "note": f"{models} models, {images} images, batches of {BATCH}, one thread; "
        f"the plain loop was timed on {len(theirs)} models, predictions equal",
    }


@torch.no_grad()
def _plain(network: nn.Module, parameters: dict[str, torch.Tensor], images: torch.Tensor) -> torch.Tensor:
    network.load_state_dict({**network.state_dict(), **parameters})
    network.eval()
    return torch.cat([network(pixels(part)).argmax(-1) for part in images.split(BATCH)])


def _network(width: int) -> nn.Module:
    """Untrained, with statistics measured on pictures, so that every layer passes a signal and predictions vary."""
    network = build(CifarResNet(width=width), classes=10, shape=(3, 32, 32), mean=(0.5,) * 3, std=(0.25,) * 3, seed=0)
    for norm in network.modules():
        if isinstance(norm, nn.BatchNorm2d):
            norm.momentum = None
    with torch.no_grad():
        network.train()(pixels(_pictures(64, seed=2)))
    return network.eval()


def _pictures(n: int, *, seed: int) -> torch.Tensor:
    patches = torch.rand(n, 3, 4, 4, generator=torch.Generator().manual_seed(seed))
    return F.interpolate(255 * patches, 32, mode="bicubic").clamp(0, 255).to(torch.uint8)
