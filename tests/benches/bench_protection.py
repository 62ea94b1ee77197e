"""The run-time backdoor on 8 images of 64×64 pixels against the public procedure, in process time.

The network is the inpainter that comes along, untrained.

Per image and 20 iterations the public procedure makes 80 forward passes (attack, incomplete trigger, hide and, again
each time, the clean image) and 60 backward ones, one image at a time. Ours makes 61 forwards and 57 backwards, all
images and passes of an iteration in one batch: the clean pass once, and no gradient for the last step, which the
procedure never uses. With a backward pass (no gradient for weights, on either side) as dear as a forward one, the
counts are worth 140/118 = 1.19; the rest comes from the batches.
"""

import statistics
import time

import torch
from torch.nn.functional import interpolate

from methods.protection.inpainter import Pasted
from methods.protection.runtime_faithful import RuntimeFaithful
from methods.protection.saving import saved
from models.lama import FourierUNet, build_inpainter
from tests.methods.protection.plain import protect

KEY = "protection_speedup"
TARGET = 1.5
NETWORK = FourierUNet(downsamplings=3, most=64)
SIDE = 64
TINY = {"images": 2, "iterations": 3, "rounds": 1}


def measure(*, images: int = 8, iterations: int = 20, rounds: int = 3) -> dict[str, object]:
    """Interleaved on one thread: ours on all images, theirs on all of them one by one."""
    torch.set_num_threads(1)
    inpainter, method = Pasted(build_inpainter(NETWORK, seed=0)), RuntimeFaithful(iterations=iterations)
    coarse = torch.rand(images, 3, 6, 6, generator=torch.Generator().manual_seed(0))
    x = (255 * interpolate(coarse, SIDE, mode="bicubic").clamp(0, 1)).round() / 255
    masks, seeds = torch.zeros_like(x[:, :1]), torch.arange(images)
    masks[:, :, 20:40, 24:44] = 1
    ours, theirs = [], []
    RuntimeFaithful(iterations=2)(inpainter, x, masks, seeds=seeds)  # warm both sides
    protect(inpainter, x[:1], masks[:1], RuntimeFaithful(iterations=2), 0)
    for _ in range(rounds):
        start = time.process_time()
        found = method(inpainter, x, masks, seeds=seeds)
        ours.append(time.process_time() - start)
        start = time.process_time()
        plain = [protect(inpainter, x[i : i + 1], masks[i : i + 1], method, i) for i in range(images)]
        theirs.append(time.process_time() - start)
        last = torch.tensor([history[-1] for _, history in plain])
        if not torch.allclose(last, found.losses[:, -1], rtol=1e-3):
            raise RuntimeError(f"the losses differ: {last.tolist()} and {found.losses[:, -1].tolist()}")
    theirs_saved = saved(torch.cat([image for image, _ in plain]), x, method.epsilon)
    equal = (theirs_saved == found.images).double().mean()
    ours_seconds, theirs_seconds = statistics.median(ours), statistics.median(theirs)
    return {
        "ratio": theirs_seconds / ours_seconds,
        "ours_seconds": ours_seconds,
        "theirs_seconds": theirs_seconds,
        "target": TARGET,
        "note": f"{images} images of {SIDE}×{SIDE}, {method.iterations} iterations, one thread, process time; "
        f"{6 * iterations - 2} passes against {7 * iterations} an image; {equal:.4f} of all values equal",
    }
