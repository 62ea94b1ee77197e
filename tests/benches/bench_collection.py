"""Collecting 200 snapshots of the last two norms of a full-width ResNet-18, against a full forward pass per step."""

import statistics
import time

import torch
from torch import nn

from methods.collection.loop import Record, prepare, run_phase
from methods.collection.strategy import Phase, Training
from methods.evaluation.boundary import pixels
from methods.layout import choose
from models import CifarResNet, build

KEY = "collection_speedup"
TARGET = 8.0
LAYERS = ("layer4.1.bn1.*", "layer4.1.bn2.*")
VIEWS, TIMED, RATE = 4, 3, 1e-3
TINY = {"width": 4, "images": 8, "rows": 6, "rounds": 1}


# images: one batch is one epoch, and the ratio does not depend on the number of batches
def measure(*, width: int = 64, images: int = 64, rows: int = 200, rounds: int = 3) -> dict[str, object]:
    """Both sides on one thread, interleaved: plain steps timed and multiplied, our whole collection timed as it is."""
    torch.set_num_threads(1)
    network = build(CifarResNet(width=width), classes=10, shape=(3, 32, 32), mean=(0.5,) * 3, std=(0.25,) * 3, seed=0)
    draw = torch.Generator().manual_seed(0)
    pictures = torch.randint(256, (images, 3, 32, 32), generator=draw, dtype=torch.uint8)
    labels = torch.randint(10, (images,), generator=draw)
    ours, theirs, passes = [], [], 0
    for _ in range(rounds):
        theirs += [_plain_step(network, pictures, labels) for _ in range(1 + TIMED)][1:]
        start = time.perf_counter()
        passes = _collect(network, pictures, labels, rows)
        ours.append(time.perf_counter() - start)
    ours_seconds, theirs_seconds = statistics.median(ours), statistics.median(theirs) * rows
    return {
        "ratio": theirs_seconds / ours_seconds,
        "ours_seconds": ours_seconds,
        "theirs_seconds": theirs_seconds,
        "target": TARGET,
        "note": f"K = {rows} epochs of {images} images, {VIEWS} views, one thread; images through the prefix: {passes} "
        f"against {rows * images}; plain steps timed {len(theirs)} times",
    }


def _collect(network: nn.Module, images: torch.Tensor, labels: torch.Tensor, planned: int) -> int:
    training = Training(epochs=planned, learning_rate=RATE, batch_size=len(images))
    phase = Phase(train=LAYERS, training=training, rows=planned, views=VIEWS)
    record = Record()
    rows = run_phase(
        network,
        phase,
        choose(network, LAYERS),
        images=images,
        labels=labels,
        validation=(images[:1], labels[:1]),
        augment=lambda batch, _: batch,
        seed=0,
        cache_bytes=2**31,
        record=record,
    )
    if len(list(rows)) != planned:
        raise RuntimeError("not every planned snapshot was taken")
    return record.prefix_passes


def _plain_step(network: nn.Module, images: torch.Tensor, labels: torch.Tensor) -> float:
    """Seconds of one step that computes the frozen part anew, without keeping what only its gradient would need."""
    layout = choose(network, LAYERS)
    prepare(network, layout.names, layout)
    chosen = [value for name, value in network.named_parameters() if name in layout.names]
    optimiser = torch.optim.SGD(chosen, RATE, momentum=0.9, weight_decay=5e-4)
    start = time.perf_counter()
    loss = nn.functional.cross_entropy(network(pixels(images)), labels)
    optimiser.zero_grad(set_to_none=True)
    loss.backward()
    optimiser.step()
    layout.flatten(network.state_dict())
    return time.perf_counter() - start
