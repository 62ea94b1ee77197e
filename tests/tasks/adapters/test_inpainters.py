"""Editors: each fills holes and nothing else; files are opened if they are what they should be, and refused if not."""

import pickle
import warnings
import zipfile
from collections import OrderedDict
from pathlib import Path

import numpy as np
import pytest
import torch
from pydantic import TypeAdapter
from torch import nn

from methods.errors import BadData, WeightsmithError
from methods.protection.inpainter import Inpainter, Pasted
from models.lama import Lama, build_inpainter
from storage.errors import MissingFile, TornFile, UnsafePickle
from storage.formats import publish_tensors
from tasks.protection.adapters.classical import Classical
from tasks.protection.adapters.inpainters import CONFIG, Editor, OwnInpainter, ReleasedLama
from tasks.protection.adapters.scripted import TorchScriptFile

CPU = torch.device("cpu")
TINY = Lama(width=4, blocks=1)


def state(seed: int = 0) -> dict[str, torch.Tensor]:
    return build_inpainter(TINY, seed=seed).state_dict()


class Script(nn.Module):
    def forward(self, image: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        return image * (1 - mask) + 0.25 * mask


class Backwards(nn.Module):
    def forward(self, image: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        return image[:, :1]


def scripted(path: Path, module: nn.Module) -> Path:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)
        torch.jit.script(module).save(str(path))
    return path


def own(path: Path, network: Lama = TINY, **changed: torch.Tensor) -> Path:
    metadata = {CONFIG: TypeAdapter(Lama).dump_json(network).decode()}
    publish_tensors(path, state() | changed, metadata)
    return path


class ModelCheckpoint:
    """Stands for the class of the same name in pytorch_lightning, which is not installed."""


ModelCheckpoint.__module__ = "pytorch_lightning.callbacks.model_checkpoint"
ModelCheckpoint.__qualname__ = "ModelCheckpoint"


def released(path: Path, tensors: dict[str, torch.Tensor], monkeypatch: pytest.MonkeyPatch) -> Path:
    """As LaMa's code leaves it: generator, discriminator, losses, the training's records, keyed by a class."""
    import sys
    import types

    module = types.ModuleType(ModelCheckpoint.__module__)
    module.ModelCheckpoint = ModelCheckpoint  # type: ignore[attr-defined]
    for name in ("pytorch_lightning", "pytorch_lightning.callbacks", ModelCheckpoint.__module__):
        monkeypatch.setitem(sys.modules, name, module)
    content = {
        "epoch": 38,
        "state_dict": OrderedDict(
            [(f"generator.{name}", value) for name, value in tensors.items()]
            + [("discriminator.model0.0.weight", torch.zeros(2, 3, 4, 4)), ("loss_resnet_pl.impl.mean", torch.ones(3))]
        ),
        "callbacks": {ModelCheckpoint: {"best_model_score": torch.tensor(1.0), "best": np.float64(0.5)}},
        "optimizer_states": [{"state": {0: {"exp_avg": torch.zeros(3)}}, "param_groups": [{"lr": 1e-3}]}],
    }
    torch.save(content, path)
    return path


def picture(height: int = 30, width: int = 45) -> tuple[torch.Tensor, torch.Tensor]:
    draw = torch.Generator().manual_seed(0)
    images, masks = torch.rand(2, 3, height, width, generator=draw), torch.zeros(2, 1, height, width)
    masks[:, :, 10:20, 12:25] = 1
    return images, masks


@pytest.fixture
def editors(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Editor]:
    return {
        "telea": Classical(),
        "navier_stokes": Classical(kind="navier_stokes"),
        "torchscript": TorchScriptFile(path=str(scripted(tmp_path / "a.pt", Script()))),
        "lama": ReleasedLama(path=str(released(tmp_path / "best.ckpt", state(), monkeypatch)), network=TINY),
        "own": OwnInpainter(path=str(own(tmp_path / "own.safetensors"))),
    }


def test_every_editor_fills_the_hole_and_nothing_else(editors: dict[str, Editor]) -> None:
    images, masks = picture()
    for name, editor in editors.items():
        assert TypeAdapter(Editor).validate_python(TypeAdapter(Editor).dump_python(editor)) == editor
        opened = editor.open(CPU)
        assert isinstance(opened, Inpainter)
        leaf = images.clone().requires_grad_()
        filled = opened(leaf, masks)
        assert torch.equal(filled * (1 - masks), images * (1 - masks)), name
        assert ((filled - images).abs() * masks).amax() > 0.01, name
        hidden = opened(torch.where(masks.bool(), 0.0, images), masks)
        torch.testing.assert_close(hidden, filled.detach(), msg=f"{name} sees through the mask")
        assert filled.requires_grad is editor.differentiable


def test_opencv_continues_a_flat_colour_and_a_ramp() -> None:
    flat, (_, masks) = torch.full((2, 3, 30, 45), 51 / 255), picture()
    for kind in ("telea", "navier_stokes"):
        assert (Classical(kind=kind)(flat, masks) - flat).abs().max() < 3 / 255  # it computes in 8 bits
    ramp = torch.linspace(0, 1, 45).expand(2, 3, 30, 45).clone()
    assert ((Classical()(ramp, masks) - ramp).abs().amax()) < 0.15


def test_a_released_checkpoint_gives_the_generator_that_it_holds(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = released(tmp_path / "best.ckpt", state(3), monkeypatch)
    images, masks = picture()
    expected = Pasted(build_inpainter(TINY, seed=3))(images, masks)
    found = ReleasedLama(path=str(path), network=TINY).open(CPU)(images, masks)
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-6)  # channels last: sums in another order


def test_the_names_of_big_lama_are_those_of_its_release() -> None:
    with torch.device("meta"):
        shapes = {name: tuple(value.shape) for name, value in Lama().module().state_dict().items()}
    assert len(shapes) == 989
    assert shapes["model.5.conv1.ffc.convg2g.conv1.0.weight"] == (192, 384, 1, 1)
    assert shapes["model.5.conv1.ffc.convg2g.fu.conv_layer.weight"] == (384, 384, 1, 1)


def test_what_is_no_checkpoint_of_lama_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(path: Path, error: type[WeightsmithError], words: str, network: Lama = TINY) -> None:
        with pytest.raises(error, match=words):
            ReleasedLama(path=str(path), network=network).open(CPU)

    refused(tmp_path / "none.ckpt", MissingFile, "there is no file")
    good = released(tmp_path / "best.ckpt", state(), monkeypatch)
    refused(good, BadData, "does not fit", Lama(width=8, blocks=1))
    short = {name: value for name, value in state().items() if name != "model.1.bn_l.weight"}
    refused(released(tmp_path / "short.ckpt", short, monkeypatch), BadData, r"model\.1\.bn_l\.weight")
    more = state() | {"model.99.weight": torch.zeros(1)}
    refused(released(tmp_path / "more.ckpt", more, monkeypatch), BadData, r"model\.99\.weight")
    broken = state() | {"model.1.bn_l.weight": torch.full((4,), float("nan"))}
    refused(released(tmp_path / "broken.ckpt", broken, monkeypatch), BadData, "not finite")
    torch.save({"state_dict": {"net.weight": torch.ones(1)}}, tmp_path / "other.ckpt")
    refused(tmp_path / "other.ckpt", BadData, "no tensors called generator")
    torch.save([1, 2], tmp_path / "list.ckpt")
    refused(tmp_path / "list.ckpt", BadData, "no checkpoint of LaMa")
    (tmp_path / "cut.ckpt").write_bytes(good.read_bytes()[:-100])
    refused(tmp_path / "cut.ckpt", TornFile, "damaged")


class Hostile:
    def __init__(self, place: Path) -> None:
        self.place = place

    def __reduce__(self) -> tuple[object, ...]:
        return Path.touch, (self.place,)


def test_a_hostile_checkpoint_is_refused_before_it_does_anything(tmp_path: Path) -> None:
    trace = tmp_path / "trace"
    with zipfile.ZipFile(tmp_path / "best.ckpt", "w") as archive:
        content = {"state_dict": {"generator.model.1.bn_l.weight": Hostile(trace)}}
        archive.writestr("archive/data.pkl", pickle.dumps(content, 2))
    with pytest.raises(UnsafePickle, match="nothing was run"):
        ReleasedLama(path=str(tmp_path / "best.ckpt")).open(CPU)
    assert not trace.exists()
    pickle.loads(pickle.dumps(Hostile(trace), 2))  # it would have done it
    assert trace.exists()


def test_an_own_file_says_which_network_it_is(tmp_path: Path) -> None:
    images, masks = picture()
    opened = OwnInpainter(path=str(own(tmp_path / "a.safetensors"))).open(CPU)
    assert torch.equal(opened(images, masks), Pasted(build_inpainter(TINY, seed=0))(images, masks))
    publish_tensors(tmp_path / "bare.safetensors", state(), {})
    with pytest.raises(BadData, match="does not say which network"):
        OwnInpainter(path=str(tmp_path / "bare.safetensors")).open(CPU)
    with pytest.raises(BadData, match="does not fit"):
        OwnInpainter(path=str(own(tmp_path / "b.safetensors", Lama(width=8, blocks=1)))).open(CPU)
    with pytest.raises(MissingFile):
        OwnInpainter(path=str(tmp_path / "c.safetensors")).open(CPU)


def test_what_is_no_inpainter_in_torchscript_is_refused(tmp_path: Path) -> None:
    with pytest.raises(MissingFile):
        TorchScriptFile(path=str(tmp_path / "none.pt")).open(CPU)
    (tmp_path / "text.pt").write_text("hello")
    with pytest.raises(BadData, match="no TorchScript"):
        TorchScriptFile(path=str(tmp_path / "text.pt")).open(CPU)
    with pytest.raises(BadData, match="no TorchScript"):
        TorchScriptFile(path=str(scripted(tmp_path / "one.pt", nn.ReLU()))).open(CPU)
    with pytest.raises(BadData, match=r"\(1, 1, 64, 64\)"):
        TorchScriptFile(path=str(scripted(tmp_path / "shape.pt", Backwards()))).open(CPU)
