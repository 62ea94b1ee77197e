"""The inpainter that comes along: what its file says of itself, measured again."""

import json

import numpy as np
import pytest
import torch

from flows.inpainter import as_json
from flows.presets.inpainting import small
from methods.inpainting.quality import measured
from storage import photographs
from storage.formats import read_tensors
from storage.photographs.embedded import PHOTOGRAPHS
from tasks.protection.adapters.classical import Classical
from tasks.protection.adapters.inpainters import SHIPPED, OwnInpainter
from tasks.protection.train_inpainter import REFERENCE


def test_the_file_is_small_and_says_how_it_was_made() -> None:
    _, metadata = read_tensors(SHIPPED)
    assert SHIPPED.stat().st_size < 5e6
    assert json.loads(metadata["recipe"]) == json.loads(as_json(small()))
    names = {name.split(".")[0] for name in json.loads(metadata["photographs"])}
    assert names == {name.split(".")[0] for name in PHOTOGRAPHS}


@pytest.mark.parametrize("split", ["validation", "test"])
def test_it_fills_at_least_as_well_as_telea_in_photographs_that_trained_nothing(split: str) -> None:
    recipe = small()
    squares = getattr(photographs.load(recipe.photographs).splits, split).images
    own = measured(OwnInpainter().open(torch.device("cpu")), squares, recipe.quality, split)
    telea = measured(Classical(), squares, recipe.quality, split)
    assert np.mean(own.l1) <= np.mean(telea.l1)
    assert np.mean(own.ssim) >= np.mean(telea.ssim)
    told = json.loads(read_tensors(SHIPPED)[1]["quality"])[split]
    assert np.mean(told["trained"]["l1"]) == pytest.approx(np.mean(own.l1), abs=1e-4)
    assert np.mean(told[REFERENCE]["ssim"]) == pytest.approx(np.mean(telea.ssim), abs=1e-4)
