"""Losses over time."""

import numpy as np
import pytest
import torch

from methods.errors import Diverged
from methods.progress import silent
from methods.training.curve import POINTS, LossRecorder


def losses(steps):
    return torch.rand(steps, generator=torch.Generator().manual_seed(0), dtype=torch.float64)


@pytest.mark.parametrize(("steps", "every"), [(1, 1), (7, 1), (200, 1), (201, 2), (1000, 5), (1999, 10)])
def test_a_point_is_the_mean_of_its_stretch(steps, every):
    recorder, told = LossRecorder("fit", steps, lambda *done: told.append(done), x_label="epoch", x_per_step=0.5), []
    for loss in losses(steps):
        recorder.add(loss)
    curve = recorder.curve()
    stretches = np.split(losses(steps).numpy(), range(every, steps, every))
    assert curve.y == pytest.approx([stretch.mean() for stretch in stretches], rel=1e-12)
    assert curve.x == pytest.approx(np.cumsum([len(stretch) for stretch in stretches]) / 2)
    assert len(curve.x) <= POINTS
    assert curve.x_label == "epoch"
    assert told == [("fit", round(2 * x), steps) for x in curve.x]


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_the_first_look_at_a_loss_that_is_no_number_stops(bad):
    recorder = LossRecorder("denoiser", 1000, silent)
    for _ in range(11):
        recorder.add(torch.tensor(1.0))
    recorder.add(torch.tensor(bad))
    recorder.add(torch.tensor(1.0))
    recorder.add(torch.tensor(1.0))
    with pytest.raises(Diverged, match=r"the loss of denoiser became .* by step 15 of 1000") as error:
        recorder.add(torch.tensor(1.0))
    assert error.value.step == 15


def test_no_graph_is_kept():
    weight = torch.ones((), requires_grad=True)
    recorder = LossRecorder("fit", 1000, silent)
    recorder.add(weight * 2)
    assert not any(loss.requires_grad for loss in recorder.pending)
