"""The audit of 200 generated models against 200 rows of 7,178 numbers, judged on 10,000 images: seconds, of 60."""

import time

import torch

from methods.audit.audit import Models, Roles, audit_network

KEY = "audit"
TARGET = 1.0
LIMIT = 60.0
TINY = {"numbers": 50, "images": 100, "rows": 20, "held_out": 5}


def measure(*, numbers: int = 7_178, images: int = 10_000, rows: int = 200, held_out: int = 20) -> dict[str, object]:
    """One generator with the three baselines that its verdict needs; rows move as those of a training run do."""
    torch.set_num_threads(1)
    draw = torch.Generator().manual_seed(0)

    def models(parameters: torch.Tensor) -> Models:
        return Models(parameters, torch.rand(len(parameters), images, generator=draw) < 0.92, 0.0)

    series = torch.randn(rows + held_out, numbers, generator=draw)
    for step in range(1, len(series)):
        series[step] += 0.8 * series[step - 1]
    train, control = series[:rows], series[rows:]
    mean, std = train.mean(0), train.std(0)
    sets = {
        "generated": mean + 0.9 * std * torch.randn(rows, numbers, generator=draw),
        "mean": mean[None],
        "gaussian": mean + std * torch.randn(rows, numbers, generator=draw),
        "noise_0.1": train + 0.1 * torch.randn(rows, numbers, generator=draw),
    }
    roles = Roles(averages=["mean"], gaussian="gaussian", noises=["noise_0.1"])
    judged = {name: models(parameters) for name, parameters in sets.items()}
    start = time.perf_counter()
    audit_network(models(train), models(control), judged, roles, seed=0)
    seconds = time.perf_counter() - start
    return {
        "ratio": seconds / LIMIT,
        "ours_seconds": seconds,
        "theirs_seconds": LIMIT,
        "target": TARGET,
        "note": f"the limit stands for theirs, smaller is better; {rows} generated, their three baselines and the "
        f"held-out control against {rows} rows of {numbers:,}, {images:,} images, on one thread",
    }
