"""Every preset, a few steps of each stage, on synthetic data of its shapes."""

import dataclasses
import math
import re
from pathlib import Path

import pytest
import torch

from flows.studies import STUDIES
from flows.studies.ablations import Cell, study_of
from flows.studies.invertibility import train_and_invert
from flows.studies.parameter_diffusion import ParameterDiffusion
from flows.studies.transplant import check
from flows.studies.unseen_networks import generate_for_unseen
from methods.attacks.measuring import measure
from methods.collection.loop import Record
from methods.collection.strategy import Strategy
from methods.evaluation.boundary import pixels
from methods.generation.autoencoding import GateLimits
from methods.generation.generator import Rows
from methods.generation.latent_ddpm import Sampling
from methods.generation.token_diffusion import TokenLimits
from storage.datasets import Split, Splits
from tasks.classifiers.classifier_context import ClassifierContext
from tasks.classifiers.train import train
from tasks.generation.generators import GeneratorConfig, LatentDdpm
from tasks.generation.summarise_ablations import BASE
from tasks.generation.token_generator import TokenDiffusion
from tasks.robustness.attack import goal_of
from tasks.robustness.attack_configs import Attempt
from tasks.runtime.run import Run
from tasks.transplant.align import KINDS as ALIGNMENTS
from tasks.transplant.align import Weights, align
from tasks.transplant.fine_tune import fine_tune
from tasks.transplant.recipients import recipients
from tasks.transplant.stitch import STITCHED
from tasks.transplant.transplant import Graft, read_transplant, transplant
from tests.contexts import inline

SHAPES = {
    "digits": (10, 1, 8, 8),
    "cifar10": (10, 3, 32, 32),
    "parquet:cifar10": (10, 3, 32, 32),
    "cifar100": (100, 3, 32, 32),
    "mnist": (10, 1, 32, 32),
}
"""Classes and image shape of each source that a preset names."""
PRESETS = [(study, preset) for study, kind in STUDIES.items() for preset in kind.preset_functions()]
GENERATING = [(study, preset) for study, preset in PRESETS if study == "parameter_diffusion"]
CELLS = [
    (preset, cell)
    for study, preset in PRESETS
    if study == "ablations"
    for cell in STUDIES[study].preset_functions()[preset]().cells
]


def synthetic(source: str) -> Splits:
    classes, *shape = SHAPES[source]
    draw = torch.Generator().manual_seed(0)

    def some(count: int) -> Split:
        images = torch.randint(256, (count, *shape), generator=draw, dtype=torch.uint8)
        return Split(images=images, labels=torch.randint(classes, (count,), generator=draw))

    names = tuple(str(number) for number in range(classes))
    return Splits(name=source, classes=names, train=some(16), validation=some(3), test=some(3))


def shortened(study: ParameterDiffusion) -> ParameterDiffusion:
    """Two steps wherever there were more; networks, shapes and everything else as they are."""
    return dataclasses.replace(
        study, strategy=brief_strategy(study.strategy), generator=brief_generator(study.generator)
    )


def brief_strategy(strategy: Strategy) -> Strategy:
    """Two rows, one epoch per phase."""
    # a norm over fewer images, or the full rate at once, would make gradients that overflow on some processors
    brief = {"epochs": 1, "batch_size": 8, "learning_rate": 1e-3}
    trainings = {
        name: dataclasses.replace(getattr(strategy, name), **brief)
        for name in ("first", "warm", "then", "again")
        if hasattr(strategy, name)
    }
    others = {
        "restarts": 1,
        "scale": 1.0,
        "batch_sizes": (8,),
        "rows": 2,
        "views": min(getattr(strategy, "views", 1), 2),
    }
    others = {name: value for name, value in others.items() if name in {f.name for f in dataclasses.fields(strategy)}}
    return dataclasses.replace(strategy, **trainings, **others)


def brief_generator(generator: GeneratorConfig) -> GeneratorConfig:
    """Two steps of it, and gates that let everything pass."""
    fields: dict[str, object] = {
        "diffusion": dataclasses.replace(generator.diffusion, steps=2, batch_size=2, times=3),
        "sampling": dataclasses.replace(generator.sampling, steps=2),
    }
    if isinstance(generator, LatentDdpm):
        fields["autoencoding"] = dataclasses.replace(generator.autoencoding, steps=2, batch_size=2)
        fields["gates"] = GateLimits(
            overfit_mse=1e9, overfit_steps=1, variance_kept=-1e9, accuracy_margin=1.0, latent_scale=1e9
        )
    elif isinstance(generator, TokenDiffusion):
        fields["gates"] = TokenLimits(variance_kept=0.0, accuracy_margin=1.0, latent_scale=1e9)
    return dataclasses.replace(generator, **fields)


@pytest.mark.parametrize(("study", "preset"), GENERATING)
def test_two_steps_of_everything(study: str, preset: str) -> None:
    two_steps(STUDIES[study].preset_functions()[preset]())


@pytest.mark.parametrize(("preset", "cell"), CELLS, ids=lambda each: getattr(each, "value", each))
def test_every_cell_is_a_configuration_of_its_own(preset: str, cell: Cell) -> None:
    study = STUDIES["ablations"].preset_functions()[preset]()
    configuration = study_of(study, cell)
    assert (configuration == study_of(study, study.cells[0])) == (cell.varied == BASE)
    if preset == "digits":  # the others differ from these in size alone
        two_steps(configuration)


def two_steps(full: ParameterDiffusion) -> None:
    brief = shortened(full)
    splits = synthetic(full.data.source)
    worker_context = ClassifierContext(brief.context_config, splits)
    network, layout = worker_context.network(0), worker_context.layout
    snapshots, records = [], []
    for phase in brief.strategy.phases():
        records.append(Record())
        snapshots += worker_context.carry_out(phase, network, layout, 0, records[-1], lambda *_: None)
    assert [snapshot.step for snapshot in snapshots] == [1, 2]
    assert not torch.equal(snapshots[0].row, snapshots[1].row)
    assert all(math.isfinite(loss) for record in records for loss in record.curve.y)
    rows = torch.stack([snapshot.row for snapshot in snapshots])
    accuracy = worker_context.validation_accuracy(network, layout, rows)
    fit = brief.generator.build().fit(
        Rows(rows, rows, layout.sizes, accuracy),
        accuracy=lambda candidates: worker_context.validation_accuracy(network, layout, candidates),
        seed=0,
        device=worker_context.device,
    )
    assert ("denoiser" in fit.curves) == (getattr(full.generator, "codes", "diffusion") == "diffusion")
    sampled = fit.sampler.sample(2, seed=0)
    assert sampled.shape == (2, layout.size)
    assert sampled.isfinite().all()
    predicted = worker_context.predictions(network, layout, sampled, worker_context.test.images)
    assert predicted.shape == (2, 3)


COMPARING = [preset for study, preset in PRESETS if study == "strategies"]


@pytest.mark.parametrize("preset", COMPARING)
def test_two_steps_of_every_phase_of_every_strategy(preset: str) -> None:
    study = STUDIES["strategies"].preset_functions()[preset]()
    splits = synthetic(study.data.source)
    assert len(study.strategies) == 10
    carried_out: set[object] = set()
    for strategy in study.strategies:
        context_config = dataclasses.replace(study.context_config, strategy=brief_strategy(strategy))
        worker_context = ClassifierContext(context_config, splits)
        network, layout = worker_context.network(0), worker_context.layout
        for phase in context_config.strategy.phases():
            kind = (phase.train, phase.reinitialise)
            if kind in carried_out:
                continue
            carried_out.add(kind)
            record = Record()
            before = layout.flatten(network.state_dict())
            snapshots = list(worker_context.carry_out(phase, network, layout, 0, record, lambda *_: None))
            assert all(math.isfinite(loss) for loss in record.curve.y)
            assert not torch.equal(layout.flatten(network.state_dict()), before)
            assert bool(snapshots) == phase.keeps


@pytest.mark.parametrize("preset", COMPARING)
def test_strategies_hold_enough_rows_to_hold_some_out(preset: str) -> None:
    study = STUDIES["strategies"].preset_functions()[preset]()
    for strategy in study.strategies:
        assert strategy.planned >= 10
        assert study.recipient not in study.seeds
    openings = {strategy.phases()[0] for strategy in study.strategies}
    assert len(openings) == (2 if preset == "note" else 1)  # the note's retraining ends at an accuracy


ATTACKING = [preset for study, preset in PRESETS if study == "robustness"]


def hurried(attempt: Attempt) -> Attempt:
    """The same attack with as few steps as it takes."""
    fewest = {"steps": 2, "targeted_steps": 2, "searches": 1, "search_steps": 1, "c_steps": 1, "queries": 2, "tries": 2}
    fewest |= {"classes": 1, "descents": 1, "rotations": 2, "shifts": 2}
    fields = {name: value for name, value in fewest.items() if hasattr(attempt.attack, name)}
    return dataclasses.replace(attempt, attack=dataclasses.replace(attempt.attack, **fields))


@pytest.mark.parametrize("preset", ATTACKING)
def test_two_steps_of_every_attack_and_defence(preset: str) -> None:
    study = STUDIES["robustness"].preset_functions()[preset]()
    splits = synthetic(study.data.source)
    worker_context = ClassifierContext(shortened(study.base).context_config, splits)
    network = worker_context.network(0).eval()
    x, labels = pixels(splits.test.images[:2]), splits.test.labels[:2]
    seeds = torch.arange(2)
    assert len({attempt.name for attempt in study.attacks}) == len(study.attacks)
    for attempt in map(hurried, study.attacks):
        goal = goal_of(attempt, labels, len(splits.classes), seeds)
        found = measure(attempt.attack, network, x, goal, seeds=seeds)
        assert found.images.shape == x.shape
    for defence in study.defences:
        schedule = dataclasses.replace(defence.schedule, epochs=1, batch_size=8)
        brief = dataclasses.replace(defence, schedule=schedule)
        trained = brief(
            worker_context.network,
            splits.train.images,
            splits.train.labels,
            augment=worker_context.augment,
            seed=0,
            validation=(splits.validation.images, splits.validation.labels),
        )
        assert all(math.isfinite(loss) for curve in trained.curves.values() for loss in curve.y)
        assert trained.network(x).shape == (2, len(splits.classes))


MOVING = [preset for study, preset in PRESETS if study == "transplant"]


@pytest.mark.parametrize("preset", MOVING)
def test_two_steps_into_a_backdoored_network(preset: str, tmp_path: Path) -> None:
    """Its training, the alignment of a donor, its rows, and fine-tuning, as the preset has them."""
    study = STUDIES["transplant"].preset_functions()[preset]()
    splits = synthetic(study.data.source)
    context_config = shortened(study.base).context_config
    run = Run(home=str(tmp_path), run_id="r", preset=preset, seed=0).bound(splits.digest, context_config)
    context = inline(context_config, splits, run)
    check(study, splits)
    training = dataclasses.replace(study.recipient, epochs=1, batch_size=8, learning_rate=1e-3)
    (base,) = train(context, [0])
    donor = Weights(seed=0, base=base)
    hosts, _ = recipients(context, [donor], training, study.backdoor)
    layout = context.layout
    brief = dataclasses.replace(study.fine_tuning.training, epochs=1, batch_size=8)
    tuning = dataclasses.replace(study.fine_tuning, training=brief, models=2)
    rows = fine_tune(context, donor, layout, tuning, study.alignment.images)
    graft = Graft(name="g", rows=rows, collected=False, layout=layout, donor=donor, recipient=hosts["badnets"][0])
    matchings = align(context, [graft.pair], layout, study.alignment)
    (ref,) = transplant(
        context, [graft], matchings, study.backdoor, images=study.test_images, stitching=study.stitching
    )
    told = read_transplant(ref)
    assert told.keys() == {*ALIGNMENTS, STITCHED, "alone"}
    assert all(len(told[kind]["asr"]) == 2 for kind in ALIGNMENTS)


@pytest.mark.parametrize(
    "preset", [each for each in MOVING if STUDIES["transplant"].preset_functions()[each]().held_out]
)
def test_two_steps_for_a_network_never_seen(preset: str, tmp_path: Path) -> None:
    study = STUDIES["transplant"].preset_functions()[preset]()
    assert study.held_out is not None
    splits, base = synthetic(study.data.source), shortened(study.base)
    brief = dataclasses.replace(study.held_out.diffusion, steps=2, batch_size=2, times=3)
    few = {"training_seeds": (0, 1), "held_out_seeds": (2,), "samples": 2, "diffusion": brief}
    held_out = dataclasses.replace(study.held_out, **few, sampling=Sampling(steps=2))
    run = Run(home=str(tmp_path), run_id="r", preset=preset, seed=0).bound(splits.digest, base.context_config)
    told, _ = generate_for_unseen(held_out, study.alignment, inline(base.context_config, splits, run))
    assert told["generator"]["n"] == told["real_snapshots"]["n"] == 2


INVERTING = [preset for study, preset in PRESETS if study == "invertibility"]


@pytest.mark.parametrize("preset", INVERTING)
def test_two_steps_of_both_losses_and_all_that_follows(preset: str, tmp_path: Path) -> None:
    study = STUDIES["invertibility"].preset_functions()[preset]()
    losses = {
        name: dataclasses.replace(loss, schedule=dataclasses.replace(loss.schedule, epochs=1, batch_size=8))
        for name, loss in (("ce", study.ce), ("ice", study.ice))
    }
    training = dataclasses.replace(study.witness.training, epochs=1, batch_size=8, learning_rate=1e-3)
    brief = dataclasses.replace(
        study,
        **losses,
        witness=dataclasses.replace(study.witness, training=training),
        readout=dataclasses.replace(study.readout, epochs=1),
        metamers=dataclasses.replace(study.metamers, n=2),
        attacks=tuple(map(hurried, study.attacks)),
        images=2,
        shift_epochs=1,
    )
    splits = synthetic(study.data.source)
    run = Run(home=str(tmp_path), run_id="r", preset=preset, seed=0).bound(splits.digest, brief.context_config)
    summary, _ = train_and_invert(brief, inline(brief.context_config, splits, run))
    for told in summary["losses"].values():
        assert told["inverse_error"]["float64"] < 1e-6
        assert told["metamers"]["n"] == 2


@pytest.mark.parametrize(("study", "preset"), GENERATING)
def test_presets_fit_together(study: str, preset: str) -> None:
    """What would be found out only after hours: rows that cannot be kept, or too few of them to hold some out."""
    full = STUDIES[study].preset_functions()[preset]()
    assert (full.study, full.preset) == (study, preset)
    assert full.strategy.rows >= 10
    assert full.strategy.rows % full.strategy.then.epochs == 0 or full.strategy.then.epochs % full.strategy.rows == 0
    if full.data.crop_padding or full.data.flip:
        assert full.strategy.views >= 4


@pytest.mark.parametrize(("study", "preset"), PRESETS)
def test_docstrings_are_one_line_in_the_list(study: str, preset: str) -> None:
    said = STUDIES[study].preset_functions()[preset].__doc__
    assert 20 < len(said.splitlines()[0]) <= 120
    if preset in ("smoke", "digits"):  # what runs in the tests and at night
        assert re.search(r"\b\d+ (s|seconds?|min|minutes?)\b", said), f"{preset} does not say how long it takes"
