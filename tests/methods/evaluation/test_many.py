"""Many models at once predict what each of them predicts alone."""

import copy

import pytest
import torch
import torch.nn.functional as F
from torch import nn
from torch.func import functional_call

from methods.errors import BadSetting
from methods.evaluation.boundary import Prefix, pixels
from methods.evaluation.many import accuracies, predict_many
from methods.evaluation.split import split
from methods.evaluation.winograd import WinogradConv2d
from models import CifarResNet, ConvNet, InvertibleNetwork, TorchvisionNetwork, build

CHOICES = [
    (CifarResNet(width=8), ("layer4.1.bn",)),
    (CifarResNet(width=8), ("linear.",)),
    (CifarResNet(width=8), ("conv1.",)),
    (CifarResNet(width=8), ("layer2.0.", "layer4.0.shortcut", "linear.")),
    (CifarResNet(width=8), ("",)),
    (CifarResNet(depth=50, width=4), ("layer4.2.bn",)),
    (ConvNet(), ("features.0.", "linear.bias")),
    (ConvNet(), ("",)),
    (TorchvisionNetwork(), ("layer4.1.bn", "fc.")),
    (InvertibleNetwork(levels=2, steps=2, hidden=8), ("levels.1.0.norm", "logits.")),
]


def classifier(network):
    """Untrained, but with statistics measured on pictures, so that every layer passes a signal."""
    module = build(network, classes=10, shape=(3, 32, 32), mean=(0.5,) * 3, std=(0.25,) * 3, seed=0)
    for norm in module.modules():
        if isinstance(norm, nn.BatchNorm2d):
            norm.momentum = None
    with torch.no_grad():
        module.train()(pixels(pictures(32, seed=9)))
    return module


def variants(module, prefixes, models=5):
    generator = torch.Generator().manual_seed(2)
    return {
        name: value.detach()
        + 0.3 * value.detach().abs().mean() * torch.randn(models, *value.shape, generator=generator)
        for name, value in module.named_parameters()
        if name.startswith(prefixes)
    }


def pictures(n, seed=3):
    patches = torch.rand(n, 3, 4, 4, generator=torch.Generator().manual_seed(seed))
    return F.interpolate(255 * patches, 32, mode="bicubic").clamp(0, 255).to(torch.uint8)


def one(parameters, model):
    return {name: value[model] for name, value in parameters.items()}


@torch.no_grad()
def by_hand(module, parameters, images):
    module = copy.deepcopy(module).eval()
    count = len(next(iter(parameters.values())))
    logits = [functional_call(module, one(parameters, model), (pixels(images),)) for model in range(count)]
    return torch.stack(logits).argmax(-1)


@pytest.mark.parametrize(("network", "prefixes"), CHOICES, ids=str)
def test_predictions_are_those_of_the_plain_loop(network, prefixes):
    module = classifier(network)
    parameters, images = variants(module, prefixes), pictures(37)
    expected = by_hand(module, parameters, images)
    assert torch.equal(predict_many(module, parameters, images, batch=16, rows=32), expected)
    assert torch.equal(predict_many(module, parameters, images, batch=5, rows=1), expected)
    assert (expected != expected[0]).any()  # the models differ, and so do the images
    assert (expected != expected[:, :1]).any()


def test_wide_layers_take_the_faster_convolution_and_predict_the_same():
    module = classifier(CifarResNet(width=16))
    parameters, images = variants(module, ("layer4.0.bn1", "layer4.1.bn2")), pictures(24)
    assert torch.equal(predict_many(module, parameters, images, batch=12), by_hand(module, parameters, images))


def test_changing_one_model_changes_its_row_only():
    module = classifier(CifarResNet(width=8))
    parameters, images = variants(module, ("layer4.1.bn", "linear.")), pictures(20)
    before = predict_many(module, parameters, images, batch=8, rows=24)
    parameters["linear.weight"][2].neg_()
    after = predict_many(module, parameters, images, batch=8, rows=24)
    assert (before != after).any(1).tolist() == [False, False, True, False, False]


def test_recalibration_is_that_of_cumulative_statistics():
    module = classifier(CifarResNet(width=8))
    prefixes = ("layer4.0.bn2", "layer4.1.bn", "linear.")
    parameters, images, calibration = variants(module, prefixes), pictures(30), pictures(36, seed=4)
    rows = []
    for model in range(5):
        loaded = copy.deepcopy(module).eval()
        loaded.load_state_dict(loaded.state_dict() | one(parameters, model))
        for norm in (loaded.layer4[0].bn2, loaded.layer4[1].bn1, loaded.layer4[1].bn2):
            norm.reset_running_stats()
            norm.momentum = None
            norm.train()
        with torch.no_grad():
            for part in calibration.split(12):
                loaded(pixels(part))
            rows.append(loaded.eval()(pixels(images)).argmax(-1))
    predicted = predict_many(module, parameters, images, calibration=calibration, batch=12, rows=24)
    assert torch.equal(predicted, torch.stack(rows))
    assert not torch.equal(predicted, predict_many(module, parameters, images))


def test_statistics_may_differ_between_models_too():
    module = classifier(CifarResNet(width=8))
    parameters = variants(module, ("layer4.1.bn",))
    for name in ("layer4.1.bn1.running_mean", "layer4.1.bn2.running_var"):
        parameters[name] = module.state_dict()[name] * torch.linspace(0.2, 3, 5)[:, None]
    images = pictures(20)
    assert torch.equal(predict_many(module, parameters, images), by_hand(module, parameters, images))


def test_the_network_stays_as_it_was():
    module = classifier(CifarResNet(width=8)).train()
    module.layer3.eval()
    state = copy.deepcopy(module.state_dict())
    modes = [part.training for part in module.modules()]
    predict_many(module, variants(module, ("layer4.1.bn",)), pictures(8), calibration=pictures(8))
    assert all(torch.equal(value, state[name]) for name, value in module.state_dict().items())
    assert [part.training for part in module.modules()] == modes
    assert all(value.grad is None for value in module.parameters())


def test_each_image_passes_the_prefix_once():
    module = classifier(CifarResNet(width=8))
    seen = []
    module.layer1[0].conv1.register_forward_hook(lambda layer, given, result: seen.append(len(given[0])))
    progress = []
    parameters = variants(module, ("layer4.1.bn",))
    predict_many(module, parameters, pictures(37), batch=16, rows=32, on_models=lambda *done: progress.append(done))
    assert sum(seen) == 37
    assert progress == sorted(progress)
    assert progress[-1] == (5, 5)


def test_the_cache_counts_its_passes_and_is_the_prefix():
    module = classifier(CifarResNet(width=8)).eval()
    parts = split(module, ["layer4.1.bn1.weight"])
    prefix = Prefix(parts, device=torch.device("cpu"))
    images = pictures(11)
    cached = prefix.cache(images, batch=4)
    assert prefix.passes == 11
    with torch.no_grad():
        torch.testing.assert_close(parts.tail(*cached), module(pixels(images)))
        torch.testing.assert_close(parts.tail(*(part[3:7] for part in cached)), module(pixels(images[3:7])))
    assert not any(tensor.requires_grad for tensor in cached)


@pytest.mark.parametrize(("n", "size"), [(1, 4), (8, 4), (300, 4), (13, 4), (9, 8)])
@pytest.mark.parametrize("bias", [True, False])
def test_winograd_is_the_direct_convolution(n, size, bias):
    torch.manual_seed(0)
    direct = nn.Conv2d(64, 72, 3, padding=1, bias=bias)
    assert WinogradConv2d.fits(direct)
    with torch.no_grad():
        x = torch.randn(n, 64, size, size)
        exact = direct.double()(x.double())
        torch.testing.assert_close(WinogradConv2d(direct.float())(x).double(), exact, atol=5e-5, rtol=0)


def test_winograd_fits_no_other_convolution():
    others = [{"stride": 2}, {"padding": 0}, {"dilation": 2}, {"groups": 2}, {"padding_mode": "reflect"}]
    for other in others:
        assert not WinogradConv2d.fits(nn.Conv2d(64, 64, 3, **{"padding": 1, **other}))
    assert not WinogradConv2d.fits(nn.Conv2d(64, 64, 5, padding=1))
    assert not WinogradConv2d.fits(nn.Conv2d(8, 64, 3, padding=1))
    assert not WinogradConv2d.fits(nn.Linear(64, 64))


def test_accuracies_are_shares():
    predicted = torch.tensor([[0, 1, 2, 3], [0, 0, 0, 0]])
    assert accuracies(predicted, torch.tensor([0, 1, 2, 0])).tolist() == [0.75, 0.5]


def test_errors_name_the_tensor():
    module = classifier(ConvNet())
    with pytest.raises(BadSetting, match=r"linear\.bias has shape \(10,\), the models bring \(11,\)"):
        predict_many(module, {"linear.bias": torch.zeros(2, 11)}, pictures(2))
    with pytest.raises(BadSetting, match="different numbers of models"):
        predict_many(module, {"linear.bias": torch.zeros(2, 10), "linear.weight": torch.zeros(3, 10, 32)}, pictures(2))
    with pytest.raises(BadSetting, match=r"no parameters called \['head'\]"):
        predict_many(module, {"head": torch.zeros(2, 10)}, pictures(2))
