"""Rows for networks never seen: nothing of the recipient's own leaks, and its units may come in any order."""

import pytest
import torch

from flows.studies.parameter_diffusion import ParameterDiffusion
from flows.studies.unseen_networks import check_unseen, generate_for_unseen
from methods.alignment.permutation import permute, row_order
from methods.collection.strategy import LastPhase, Training
from methods.errors import BadSetting
from methods.generation.latent_ddpm import Diffusion, Sampling
from models import CifarResNet
from models.unit_denoiser import UnitSet
from storage.datasets import Data
from storage.formats import publish_tensors, read_tensors
from tasks.classifiers.classifier_context import ClassifierContext
from tasks.classifiers.collect import collect
from tasks.classifiers.train import train
from tasks.generation.generators import GramPca
from tasks.runtime.pool import InlinePool
from tasks.runtime.run import Run
from tasks.transplant.align import Alignment, Weights, align
from tasks.unseen.fit_across import fit_across
from tasks.unseen.held_out import HeldOut
from tasks.unseen.held_out_rows import MAKERS, rows_for
from tests.contexts import context

TRAINING = Training(epochs=2, batch_size=4, learning_rate=0.01)
STRATEGY = LastPhase(keep=("layer4.1.bn*", "linear.*"), first=TRAINING, then=TRAINING, rows=4)
HELD_OUT = HeldOut(
    training_seeds=(1, 2),
    held_out_seeds=(5,),
    samples=3,
    denoiser=UnitSet(width=16, registers=1),
    diffusion=Diffusion(steps=2, batch_size=4, times=20, beta_last=0.5),
    sampling=Sampling(steps=2),
)


@pytest.fixture
def place(context_config, splits, watcher, tmp_path):
    """Pool, context, run."""
    chosen = context_config(network=CifarResNet(width=2), strategy=STRATEGY)
    run = Run(home=str(tmp_path), run_id="r", preset="p", seed=0).bound(splits.digest, chosen)
    return InlinePool(chosen, splits, watcher), ClassifierContext(chosen, splits), run


def base(strategy=STRATEGY):
    return ParameterDiffusion(data=Data(), network=CifarResNet(width=2), strategy=strategy, generator=GramPca())


def written(place, splits, recipients):
    """By recipient and name, the rows for networks of these states."""
    pool, worker_context, run = place
    inside, seeds = context(pool, worker_context.context_config, splits, run), HELD_OUT.training_seeds
    bases = train(inside, seeds)
    donors = [Weights(seed=seed, base=ref) for seed, ref in zip(seeds, bases, strict=True)]
    snapshots, _ = collect(inside, seeds, bases)
    fitted = fit_across(inside, HELD_OUT, donors, snapshots)
    hosts = [
        Weights(seed=number, base=publish_tensors(f"{run.home}/{number}.safetensors", state, {}))
        for number, state in enumerate(recipients)
    ]
    pairs = [(donor, host) for host in hosts for donor in donors]
    matchings = align(inside, pairs, worker_context.layout, Alignment())
    found = rows_for(inside, HELD_OUT, fitted, donors, snapshots, hosts, matchings)
    return {key: read_tensors(ref.path)[0]["rows"] for key, ref in found.items()}


def test_every_name_has_its_rows(place, splits):
    _, worker_context, _ = place
    state = worker_context.network(5).state_dict()
    rows = written(place, splits, [state])
    counts = {name: len(rows[0, name]) for name in MAKERS}
    assert counts.pop("generator") == counts.pop("real_snapshots") == 3
    assert set(counts.values()) == {1}
    assert torch.equal(rows[0, "recipient"][0], worker_context.layout.flatten(state))
    assert (rows[0, "generator"].std(0) > 0).any()


def test_the_recipients_own_kept_layers_are_not_looked_at(place, splits):
    _, worker_context, _ = place
    state = worker_context.network(5).state_dict()
    other = {name: state[name] + 0.5 for name in worker_context.layout.names}
    rows = written(place, splits, [state, state | other])
    for name in ("generator_mean", "baseline_linear_readout"):
        assert torch.equal(rows[0, name], rows[1, name])
    assert not torch.equal(rows[0, "recipient"], rows[1, "recipient"])


def test_a_recipient_in_another_order_gets_the_same_row_in_that_order(place, splits):
    _, worker_context, _ = place
    state, draw = worker_context.network(5).state_dict(), torch.Generator().manual_seed(2)
    orders = {name: torch.randperm(group.units, generator=draw) for name, group in worker_context.groups.items()}
    rows = written(place, splits, [state, permute(state, worker_context.groups, orders)])
    moved = row_order(worker_context.layout, worker_context.groups, orders)
    expected = rows[0, "generator_mean"]
    torch.testing.assert_close(rows[1, "generator_mean"], expected[:, moved], rtol=1e-2, atol=1e-3)
    assert (expected[:, moved] - expected).abs().max() > 0.05


def test_a_second_run_finds_everything_and_tells_the_same(place, splits, watcher):
    pool, _, run = place
    first = generate_for_unseen(HELD_OUT, Alignment(), context(pool, pool.context_config, splits, run))
    done = len(watcher.stages)
    assert generate_for_unseen(HELD_OUT, Alignment(), context(pool, pool.context_config, splits, run)) == first
    assert all(jobs == committed for _, jobs, committed in watcher.stages[done:])
    told, facts = first
    assert {name: told[name]["n"] for name in ("generator", "real_snapshots", "own_snapshots", "recipient")} == {
        "generator": 3,
        "real_snapshots": 3,
        "own_snapshots": 4,
        "recipient": 1,
    }
    assert facts["per_seed"]["5"]["generator"] == told["generator"]
    assert facts["spread_ratio"] > 0


def test_a_seed_is_fitted_on_or_held_out():
    with pytest.raises(BadSetting, match=r"\[3\]"):
        HeldOut(training_seeds=(1, 3), held_out_seeds=(3, 4))


def test_kernels_between_hidden_units_are_refused_before_anything_is_trained(splits):
    with pytest.raises(BadSetting, match="between two groups"):
        check_unseen(base(LastPhase(keep=("layer4.1.conv2.*",), first=TRAINING, then=TRAINING, rows=4)), splits)
