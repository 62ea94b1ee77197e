"""There and back: rows keep every bit in either format, both accuracies are kept, and studies take an import."""

import contextlib
import dataclasses
import sys
import types
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from safetensors.torch import load_file
from torch import nn

from methods.collection.strategy import LastPhase, Training
from methods.errors import BadSetting
from models import ConvNet
from storage.exchange.containers import read_torch
from storage.exchange.reading import LARGEST, read_offered
from storage.files import Ref, sha256
from storage.snapshot_set import SnapshotSet
from tasks.classifiers.classifier_context import ClassifierContext, ContextConfig
from tasks.classifiers.collect import collect
from tasks.classifiers.imported import BASE
from tasks.classifiers.train import train
from tasks.exchange.export_models import Models, export, models_of
from tasks.exchange.import_rows import import_set, strategy_of, target_of
from tasks.runtime.pool import InlinePool
from tasks.runtime.run import Run
from tests.contexts import context

TRAINING = Training(epochs=1, batch_size=4)
KEEP = ("layer4.1.bn*.weight", "layer4.1.bn*.bias", "linear.*")


@pytest.fixture
def study(context_config) -> ContextConfig:
    return context_config(strategy=LastPhase(keep=KEEP, first=TRAINING, then=TRAINING, rows=3))


@dataclasses.dataclass
class Collected:
    """Three snapshots of one network."""

    worker_context: ClassifierContext
    models: Models
    rows: torch.Tensor
    pool: InlinePool
    run: Run

    def bring(self, source: Path, base: Path | None = None, **fields: object) -> ContextConfig:
        """Imports what lies at `source`; `fields` are those of the configuration that differ."""
        context_config, splits = (
            dataclasses.replace(self.worker_context.context_config, **fields),
            self.worker_context.splits,
        )
        offered = read_offered(source, base)
        context_config = dataclasses.replace(context_config, strategy=strategy_of(offered, "", recalibrate=False))
        folder = target_of(offered, context_config, splits, self.run)
        context_config = dataclasses.replace(
            context_config, strategy=dataclasses.replace(context_config.strategy, path=folder)
        )
        import_set(
            InlinePool(context_config, splits, self.pool.watcher), source, base, LARGEST, offered, context_config
        )
        return context_config


@pytest.fixture
def collected(study: ContextConfig, splits, watcher, tmp_path: Path) -> Collected:
    run = Run(home=str(tmp_path / "home"), run_id="run", preset="custom", seed=0).bound(splits.digest, study)
    pool = InlinePool(study, splits, watcher)
    bases = train(context(pool, study, splits, run), [0])
    snapshots, _ = collect(context(pool, study, splits, run), [0], bases)
    worker_context = ClassifierContext(study, splits)
    rows = torch.from_numpy(SnapshotSet.open(snapshots).matrix()[0])
    hits = worker_context.predictions(
        worker_context.network(0, bases[0]), worker_context.layout, rows, splits.test.images
    )
    accuracies = (hits == splits.test.labels).double().mean(1).tolist()
    models = Models(name="original", seed=0, base=bases[0], rows=snapshots, accuracies=tuple(accuracies))
    return Collected(worker_context, models, rows, pool, run)


@pytest.mark.parametrize("form", ["data.pt", "folder"])
def test_there_and_back_changes_no_bit(form: str, collected: Collected, tmp_path: Path) -> None:
    out, again = tmp_path / "out", tmp_path / "again"
    export(collected.worker_context, collected.models, out, form)
    context_config = collected.bring(out)
    stored = SnapshotSet.open(context_config.strategy.path)
    matrix, scalars = stored.matrix()
    assert matrix.tobytes() == collected.rows.numpy().tobytes()
    assert stored.layout == collected.worker_context.layout
    assert stored.metadata["test_accuracy"] == list(collected.models.accuracies)
    np.testing.assert_allclose(scalars.column("accuracy").to_numpy(), collected.models.accuracies, atol=1e-4)
    imported = models_of(Path(context_config.strategy.path), "original", 0)
    before, after = (
        collected.worker_context.network(0, ref).state_dict() for ref in (collected.models.base, imported.base)
    )
    assert all(torch.equal(before[name], after[name]) for name in before)
    export(ClassifierContext(context_config, collected.worker_context.splits), imported, again, form)
    for first, second in zip(numbers(out), numbers(again), strict=True):
        assert torch.equal(first, second)


def numbers(path: Path) -> Iterator[torch.Tensor]:
    for file in [path] if path.is_file() else sorted(path.rglob("*.pth")):
        found = read_torch(file, largest=LARGEST)
        names = ["pdata", "mean", "std"] if path.is_file() else sorted(found.content)
        yield from (found.tensor(found.content[name]) for name in names)


def test_the_accuracy_of_the_file_stands_beside_the_recomputed_one(collected: Collected, tmp_path: Path) -> None:
    boasting = dataclasses.replace(collected.models, accuracies=(0.99, 0.98, 0.97))
    export(collected.worker_context, boasting, tmp_path / "data.pt", "data.pt")
    stored = SnapshotSet.open(collected.bring(tmp_path / "data.pt").strategy.path)
    scalars = stored.scalars()
    assert scalars.column("accuracy").to_pylist() == [0.99, 0.98, 0.97]
    worker_context = collected.worker_context
    network = worker_context.network(0, collected.models.base)
    measured = worker_context.validation_accuracy(network, worker_context.layout, collected.rows).tolist()
    assert scalars.column("accuracy_reloaded").to_pylist() == measured
    assert stored.metadata["test_accuracy"] == list(collected.models.accuracies)


def test_a_study_takes_an_import_as_its_own_and_a_second_import_finds_it(collected, watcher, tmp_path: Path) -> None:
    export(collected.worker_context, collected.models, tmp_path / "data.pt", "data.pt")
    context_config, splits = collected.bring(tmp_path / "data.pt"), collected.worker_context.splits
    assert collected.bring(tmp_path / "data.pt") == context_config
    assert [stage[1:] for stage in watcher.stages if stage[0] == "import"] == [(1, 0), (1, 1)]
    bases = train(context(collected.pool, context_config, splits, collected.run), [0])
    snapshots, records = collect(context(collected.pool, context_config, splits, collected.run), [0], bases)
    assert bases == [Ref(f"{context_config.strategy.path}/{BASE}", sha256(f"{context_config.strategy.path}/{BASE}"))]
    assert SnapshotSet.open(snapshots).rows == 3
    assert len(records) == 1
    with pytest.raises(BadSetting, match=r"seeds = \[0, 1\].*one network"):
        train(context(collected.pool, context_config, splits, collected.run), [0, 1])
    whiter = dataclasses.replace(splits, given_mean=(0.9,), given_std=(0.2,))
    with pytest.raises(BadSetting, match="another data and normalisation"):
        train(context(collected.pool, context_config, whiter, collected.run), [0])
    other = dataclasses.replace(
        context_config, strategy=dataclasses.replace(context_config.strategy, keep=("linear.*",))
    )
    with pytest.raises(BadSetting, match="another layout"):
        collect(context(collected.pool, other, splits, collected.run), [0], bases)


def test_normalisation_decides_the_accuracy_and_the_place(collected: Collected, tmp_path: Path) -> None:
    export(collected.worker_context, collected.models, tmp_path / "data.pt", "data.pt")
    offered = read_offered(tmp_path / "data.pt")
    context_config = dataclasses.replace(
        collected.worker_context.context_config, strategy=strategy_of(offered, "", recalibrate=False)
    )
    splits = collected.worker_context.splits
    whiter = dataclasses.replace(splits, given_mean=(0.9,), given_std=(0.2,))
    assert whiter.mean == (0.9,)
    assert whiter.digest != splits.digest
    places = {target_of(offered, context_config, each, collected.run) for each in (splits, whiter)}
    assert len(places) == 2


def test_every_safetensors_file_is_a_whole_network(collected: Collected, tmp_path: Path) -> None:
    export(collected.worker_context, collected.models, tmp_path / "models", "safetensors")
    files = sorted((tmp_path / "models").iterdir())
    assert [file.name for file in files] == ["0000.safetensors", "0001.safetensors", "0002.safetensors"]
    worker_context, images = collected.worker_context, collected.worker_context.splits.test.images
    for file, row in zip(files, collected.rows, strict=True):
        plain = worker_context.network(5)
        plain.load_state_dict(load_file(file))
        wanted = worker_context.network(0, collected.models.base)
        wanted.load_state_dict(wanted.state_dict() | worker_context.layout.restore(row))
        with torch.no_grad():
            assert torch.equal(plain.eval()(images / 255), wanted.eval()(images / 255))


class BasicBlock(nn.Module):
    def forward(self, x):
        y = F.relu(self.bn1(self.conv1(x)))
        return F.relu(self.bn2(self.conv2(y)) + self.shortcut(x))


class ResNet(nn.Module):
    def forward(self, x):
        x = F.relu(self.bn1(self.conv1(x)))
        x = self.layer4(self.layer3(self.layer2(self.layer1(x))))
        return self.linear(F.avg_pool2d(x, x.shape[-1]).flatten(1))


@contextlib.contextmanager
def public_code() -> Iterator[None]:
    """As if p-diff's checkout were on the path."""
    module = types.ModuleType("models.resnet")
    vars(module).update(ResNet=ResNet, BasicBlock=BasicBlock)
    sys.modules["models.resnet"] = module
    try:
        yield
    finally:
        del sys.modules["models.resnet"]


def test_the_code_of_others_loads_a_data_pt_and_computes_the_same(collected: Collected, tmp_path: Path) -> None:
    export(collected.worker_context, collected.models, tmp_path / "data.pt", "data.pt")
    with public_code():
        content = torch.load(tmp_path / "data.pt", weights_only=False)
    assert set(content) == {"pdata", "mean", "std", "model", "train_layer", "performance", "cfg"}
    assert content["performance"] == [100 * each for each in collected.models.accuracies]
    model, place = content["model"].eval(), 0
    assert type(model) is ResNet
    for name, parameter in model.named_parameters():
        if name in content["train_layer"]:
            part = content["pdata"][1, place : place + parameter.numel()]
            parameter.data = part.reshape(parameter.shape)
            place += parameter.numel()
    assert place == content["pdata"].shape[1]
    worker_context = collected.worker_context
    images = worker_context.splits.test.images / 255
    told = content["cfg"]["normalisation"]
    network = worker_context.network(0, collected.models.base)
    network.load_state_dict(network.state_dict() | worker_context.layout.restore(collected.rows[1]))
    with torch.no_grad():
        theirs = model((images - told["mean"][0]) / told["std"][0])
        torch.testing.assert_close(theirs, network.eval()(images), rtol=1e-4, atol=1e-4)


def test_running_statistics_travel_in_a_folder_alone(study, splits, watcher, tmp_path: Path) -> None:
    given = dataclasses.replace(study, strategy=dataclasses.replace(study.strategy, buffers="snapshot"))
    run = Run(home=str(tmp_path / "home"), run_id="run", preset="custom", seed=0).bound(splits.digest, given)
    pool = InlinePool(given, splits, watcher)
    bases = train(context(pool, given, splits, run), [0])
    snapshots, _ = collect(context(pool, given, splits, run), [0], bases)
    models = Models(name="original", seed=0, base=bases[0], rows=snapshots, accuracies=(0.1, 0.2, 0.3))
    worker_context = ClassifierContext(given, splits)
    with pytest.raises(BadSetting, match="running statistics"):
        export(worker_context, models, tmp_path / "data.pt", "data.pt")
    export(worker_context, models, tmp_path / "cell", "folder")
    rows = torch.from_numpy(SnapshotSet.open(snapshots).matrix()[0])
    collected = Collected(worker_context, models, rows, pool, run)
    stored = SnapshotSet.open(collected.bring(tmp_path / "cell").strategy.path)
    assert stored.layout == worker_context.layout
    # variances go through a logarithm and back
    np.testing.assert_allclose(stored.matrix()[0], rows.numpy(), rtol=1e-5, atol=1e-6)


def test_what_does_not_fit_is_said(collected: Collected, tmp_path: Path) -> None:
    export(collected.worker_context, collected.models, tmp_path / "data.pt", "data.pt")
    wider = dataclasses.replace(collected.worker_context.context_config.network, width=2)
    with pytest.raises(BadSetting, match=r"layer4\.1\.bn1\.weight is \(8,\), here \(16,\)"):
        collected.bring(tmp_path / "data.pt", network=wider)
    with pytest.raises(BadSetting, match="exists already"):
        export(collected.worker_context, collected.models, tmp_path / "data.pt", "data.pt")
    with pytest.raises(BadSetting, match="neither a completed run"):
        models_of(tmp_path, "original", 0)
    export(collected.worker_context, collected.models, tmp_path / "cell", "folder")
    foreign = tmp_path / "foreign.pth"
    torch.save(ConvNet().module(classes=3, shape=(1, 8, 8)).state_dict(), foreign)
    with pytest.raises(BadSetting, match="is not the one configured here"):
        collected.bring(tmp_path / "cell" / "checkpoint", foreign)
    assert not list((tmp_path / "home" / "store" / "imported").rglob("entry.json"))
