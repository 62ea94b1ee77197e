"""A context of classifiers: equal networks for equal seeds, the strategy's layout, images that suit the network."""

from pathlib import Path

import pytest
import torch

from methods.collection.strategy import LastPhase, Training
from methods.errors import BadData, BadSetting
from models import CifarResNet, ConvNet, InvertibleNetwork, TorchvisionNetwork
from storage.datasets import Split, Splits
from storage.errors import WrongHash
from storage.files import Ref
from storage.formats import publish_tensors
from tasks.classifiers import classifier_context as tasks_laboratory
from tasks.classifiers.classifier_context import ClassifierContext


def test_images_that_are_too_small_are_refused_at_once(context_config, splits) -> None:
    network = ConvNet()
    assert network.minimum_size <= 8
    ClassifierContext(context_config(network=network), splits)

    class Large(ConvNet):
        minimum_size = 9

    with pytest.raises(BadData, match="images of squares are 8×8, conv_net needs 9×9") as raised:
        ClassifierContext(context_config(network=Large()), splits)
    assert "data.size=9" in raised.value.remedy


def test_a_vision_transformer_takes_whole_patches_only(context_config, splits) -> None:
    network = TorchvisionNetwork(name="vit_b_16")
    with pytest.raises(BadData, match="images of squares are 8×8, torchvision needs 16×16"):
        ClassifierContext(context_config(network=network), splits)
    for height, width, size in ((28, 28, 32), (32, 48, 32), (55, 55, 48)):
        parts = {
            name: Split(images=torch.zeros(2, 3, height, width, dtype=torch.uint8), labels=torch.arange(2))
            for name in ("train", "validation", "test")
        }
        other = Splits(name="other", classes=("a", "b"), **parts)
        with pytest.raises(BadSetting, match=f"other are {height}×{width}.*vit_b_16.*patches of 16×16") as raised:
            ClassifierContext(context_config(network=network), other)
        assert f"data.size={size} " in raised.value.remedy
    whole = {name: Split(images=part.images[..., :48, :48], labels=part.labels) for name, part in parts.items()}
    ClassifierContext(context_config(network=network), Splits(name="other", classes=("a", "b"), **whole))


def test_an_invertible_network_needs_images_that_can_be_halved(context_config, splits) -> None:
    ClassifierContext(context_config(network=InvertibleNetwork(levels=2, steps=1, hidden=4)), splits)
    parts = {
        name: Split(images=torch.zeros(2, 1, 28, 28, dtype=torch.uint8), labels=torch.arange(2))
        for name in ("train", "validation", "test")
    }
    other = Splits(name="other", classes=("a", "b"), **parts)
    with pytest.raises(BadSetting, match="28×28 pixels cannot be halved 3 times") as raised:
        ClassifierContext(context_config(network=InvertibleNetwork()), other)
    assert "fewer levels" in raised.value.remedy


def test_the_layout_is_what_the_strategy_keeps(context_config, splits) -> None:
    training = Training(epochs=1, batch_size=4)
    strategy = LastPhase(keep=("layer4.1.bn2.*", "linear.bias"), first=training, then=training)
    worker_context = ClassifierContext(context_config(network=CifarResNet(width=2), strategy=strategy), splits)
    shapes = {entry.name: entry.shape for entry in worker_context.layout.entries}
    assert shapes == {"layer4.1.bn2.weight": (16,), "layer4.1.bn2.bias": (16,), "linear.bias": (3,)}
    unknown = LastPhase(keep=("layer9.*",), first=training, then=training)
    with pytest.raises(BadSetting, match=r"layer9\.\*"):
        _ = ClassifierContext(context_config(strategy=unknown), splits).layout


def test_networks_come_from_a_seed_or_from_a_file(context_config, splits, tmp_path: Path) -> None:
    worker_context = ClassifierContext(context_config(), splits)
    one, again, other = (worker_context.network(seed).state_dict() for seed in (1, 1, 2))
    assert all(torch.equal(one[name], again[name]) for name in one)
    assert not all(torch.equal(one[name], other[name]) for name in one)
    base = publish_tensors(tmp_path / "base.safetensors", one, {})
    stored = worker_context.network(2, base).state_dict()
    assert all(torch.equal(one[name], stored[name]) for name in one)
    with pytest.raises(WrongHash):
        worker_context.network(2, Ref(base.path, "0" * 64))


def test_norms_are_recalibrated_on_images_spread_over_the_training_split(context_config, splits, monkeypatch) -> None:
    monkeypatch.setattr(tasks_laboratory, "CALIBRATION", 4)
    training = Training(epochs=1, batch_size=4)
    strategy = LastPhase(keep=("*",), buffers="recalibrate", first=training, then=training)
    worker_context = ClassifierContext(context_config(network=CifarResNet(width=2), strategy=strategy), splits)
    layout = worker_context.layout
    rows = torch.stack([layout.flatten(worker_context.network(seed).state_dict()) for seed in (1, 2)])
    predicted = worker_context.predictions(worker_context.network(0), layout, rows, splits.test.images)
    for seed, found in zip((1, 2), predicted, strict=True):
        network = worker_context.network(seed)
        for module in network.modules():
            if isinstance(module, torch.nn.BatchNorm2d):
                module.momentum = None  # averages over all that it sees
        with torch.no_grad():
            network(splits.train.images[[0, 4, 7, 11]].float() / 255)
            wanted = network.eval()(splits.test.images.float() / 255).argmax(1)
        assert found.tolist() == wanted.tolist()
    assert len({*predicted.flatten().tolist()}) > 1


def test_predictions_are_those_of_each_row_written_into_the_network(context_config, splits) -> None:
    worker_context = ClassifierContext(context_config(), splits)
    network, layout = worker_context.network(0).eval(), worker_context.layout
    rows = torch.randn(5, layout.size, generator=torch.Generator().manual_seed(0))
    predicted = worker_context.predictions(network, layout, rows, worker_context.test.images)
    accuracy = worker_context.validation_accuracy(network, layout, rows)
    for index, row in enumerate(rows):
        written = {name: value[0] for name, value in layout.restore(row[None]).items()}
        network.load_state_dict(network.state_dict() | written)
        with torch.no_grad():
            logits = [network(split.images.float() / 255) for split in (splits.test, splits.validation)]
        assert predicted[index].tolist() == logits[0].argmax(1).tolist()
        hits = (logits[1].argmax(1) == splits.validation.labels).float().mean()
        assert accuracy[index].item() == pytest.approx(hits.item())
    assert len({tuple(row) for row in predicted.tolist()}) > 1
