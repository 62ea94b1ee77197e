"""Rows in other networks: as by hand, and without loss where the recipient is the donor in another order."""

import dataclasses
import json

import numpy as np
import pytest
import torch

from methods.alignment.permutation import permute, row_order
from methods.backdoor.badnets import BadNets
from methods.backdoor.triggers import Patch
from methods.collection.strategy import LastPhase, Phase, Training
from methods.layout import choose
from models import CifarResNet
from storage.formats import publish_tensors, read_json, read_tensors
from tasks.classifiers.classifier_context import ClassifierContext
from tasks.classifiers.train import train
from tasks.runtime.pool import InlinePool
from tasks.runtime.run import Run
from tasks.transplant.align import KINDS, Alignment, Weights, align, matched_correlation, permutations_of
from tasks.transplant.stitch import STITCHED, Stitching, fit_stitch, head_of
from tasks.transplant.transplant import Graft, read_transplant, transplant
from tests.contexts import context

TRAINING = Training(epochs=1, batch_size=4)
STRATEGY = LastPhase(keep=("layer4.1.bn*", "linear.*"), first=TRAINING, then=TRAINING, rows=1)
BACKDOOR = BadNets(trigger=Patch(size=2), target=1)


@pytest.fixture
def place(context_config, splits, watcher, tmp_path):
    """Pool, context, run."""
    chosen = context_config(network=CifarResNet(width=2), strategy=STRATEGY)
    run = Run(home=str(tmp_path), run_id="r", preset="p", seed=0).bound(splits.digest, chosen)
    return InlinePool(chosen, splits, watcher), ClassifierContext(chosen, splits), run


def within(place):
    pool, worker_context, run = place
    return context(pool, worker_context.context_config, worker_context.splits, run)


def lively(worker_context, seed):
    """A network whose norms are far from their initial ones and zeros, so that its answers differ between images."""
    network, draw = worker_context.network(seed).eval(), torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, value in network.state_dict().items():
            if ".bn" in name or name.startswith("bn1") or "shortcut.1" in name:
                if name.endswith(("weight", "running_var")):
                    value.copy_(0.5 + torch.rand(value.shape, generator=draw))
                elif name.endswith("bias"):
                    value.copy_(1 + torch.rand(value.shape, generator=draw))  # no unit is silent on all images
        network.linear.weight.mul_(10)
        network.linear.bias.sub_(
            network(worker_context.test.images.float() / 255).mean(0)
        )  # no class is always the answer
    return network


def stored(path, state, seed):
    return Weights(seed=seed, base=publish_tensors(path, state, {}))


def donated(path, worker_context, donor, count=5):
    """Rows near the donor's own, and their file."""
    row = worker_context.layout.flatten(donor.state_dict())
    rows = row * (1 + 0.005 * torch.randn(count, len(row), generator=torch.Generator().manual_seed(3)))
    return rows, publish_tensors(path, {"rows": rows}, {})


def test_a_donor_in_another_order_takes_its_own_rows_without_loss(place, splits, tmp_path):
    _pool, worker_context, _run = place
    donor, draw = lively(worker_context, 1), torch.Generator().manual_seed(2)
    orders = {name: torch.randperm(group.units, generator=draw) for name, group in worker_context.groups.items()}
    home = stored(tmp_path / "donor.safetensors", donor.state_dict(), 1)
    shuffled = permute(donor.state_dict(), worker_context.groups, orders)
    away = stored(tmp_path / "shuffled.safetensors", shuffled, 1)
    _, file = donated(tmp_path / "rows.safetensors", worker_context, donor)
    layout = worker_context.layout
    matchings = align(within(place), [(home, away)], layout, Alignment())
    graft = Graft(name="g", rows=file, collected=False, layout=layout, donor=home, recipient=away)
    told = read_transplant(transplant(within(place), [graft], matchings, BACKDOOR)[0])
    for kind in ("aligned", "aligned_weights"):
        found = permutations_of(matchings[home, away], kind)
        assert found.keys() == {"layer4", "layer4.1.conv1"}
        assert all(torch.equal(order, orders[name]) for name, order in found.items())
        assert told[kind]["agreement_donor"].tolist() == [1.0] * 5
        assert matched_correlation(read_json(matchings[home, away].path), kind) == pytest.approx(1, abs=1e-4)
    assert told["as_is"]["agreement_donor"].min() < 1
    assert matched_correlation(read_json(matchings[home, away].path), "as_is") < 0.7


def test_the_numbers_are_those_of_each_row_written_into_the_recipient(place, splits, tmp_path, monkeypatch):
    monkeypatch.setattr("tasks.transplant.transplant.BLOCK", 6)  # two rows of three kinds at a time
    _pool, worker_context, _run = place
    networks = {seed: lively(worker_context, seed) for seed in (1, 2)}
    home, away = (stored(tmp_path / f"{seed}.safetensors", each.state_dict(), seed) for seed, each in networks.items())
    rows, file = donated(tmp_path / "rows.safetensors", worker_context, networks[1])
    layout, groups = worker_context.layout, worker_context.groups
    matchings = align(within(place), [(home, away)], layout, Alignment(images=6))
    graft = Graft(name="g", rows=file, collected=False, layout=layout, donor=home, recipient=away)
    told = read_transplant(transplant(within(place), [graft], matchings, BACKDOOR)[0])

    def answers(network, written, images):
        network = worker_context.network(0).eval()
        network.load_state_dict(written)
        with torch.no_grad():
            return network(images.float() / 255).argmax(1)

    x, y = splits.test.images, splits.test.labels
    marked = x.clone()
    marked[:, :, -2:, -2:] = 255
    for kind in KINDS:
        orders = permutations_of(matchings[home, away], kind)
        for number, row in enumerate(rows):
            parameters = {name: value[0] for name, value in layout.restore(row[None]).items()}
            at_home = answers(networks[1], networks[1].state_dict() | parameters, x)
            moved = networks[2].state_dict() | permute(parameters, groups, orders)
            clean, attacked = answers(networks[2], moved, x), answers(networks[2], moved, marked)
            alone = answers(networks[2], networks[2].state_dict(), x)
            wanted = {
                "accuracy": clean == y,
                "asr": attacked[y != 1] == 1,
                "robust_accuracy": (attacked == y)[y != 1],
                "agreement_donor": clean == at_home,
                "agreement_recipient": clean == alone,
            }
            for name, hits in wanted.items():
                assert told[kind][name][number] == pytest.approx(hits.double().mean().item(), abs=1e-12), (kind, name)
    spread = np.concatenate([told[kind]["agreement_donor"] for kind in KINDS])
    assert len(set(spread.tolist())) > 2


def test_fewer_test_images_are_evenly_spread(place, splits, tmp_path):
    _pool, worker_context, _run = place
    network = lively(worker_context, 1)
    home = stored(tmp_path / "1.safetensors", network.state_dict(), 1)
    rows, file = donated(tmp_path / "rows.safetensors", worker_context, network, count=1)
    layout = worker_context.layout
    matchings = align(within(place), [(home, home)], layout, Alignment(images=6))
    graft = Graft(name="g", rows=file, collected=False, layout=layout, donor=home, recipient=home)
    (ref,) = transplant(within(place), [graft], matchings, BACKDOOR, kinds=("as_is",), images=4)
    predicted = worker_context.predictions(network, layout, rows, splits.test.images[[0, 3, 6, 9]])
    told = read_transplant(ref)
    assert told.keys() == {"as_is", "alone"}
    own = worker_context.predictions(network, layout, layout.flatten(network.state_dict())[None], splits.test.images)[0]
    assert told["alone"]["accuracy"].tolist() == [(own == splits.test.labels)[[0, 3, 6, 9]].double().mean()]
    assert told["as_is"]["accuracy"].tolist() == [(predicted[0] == splits.test.labels[[0, 3, 6, 9]]).double().mean()]
    assert told["as_is"]["agreement_donor"].tolist() == [1.0]


def test_a_backdoored_network_is_trained_on_poisoned_images(place, splits):
    pool, _, run = place
    phases = (Phase(train=("*",), training=TRAINING),)
    poison = BadNets(trigger=Patch(size=2), target=1, fraction=0.5)
    clean, again = train(within(place), [7, 7])
    assert clean == again
    named = train(within(place), [7], phases=phases)[0]
    assert named == clean
    bad = train(within(place), [7], phases=phases, poison=poison)[0]
    assert bad.path != clean.path
    by_hand = poison.poison(splits.train.images, splits.train.labels, seed=7)
    pool.worker.worker_context.train = type(splits.train)(images=by_hand.images, labels=by_hand.labels)
    changed = dataclasses.replace(run, salt="poisoned by hand")
    same = train(context(pool, pool.context_config, splits, changed), [7])[0]
    first, second = read_tensors(bad.path)[0], read_tensors(same.path)[0]
    assert all(torch.equal(first[name], second[name]) for name in first)
    assert json.loads(read_tensors(bad.path)[1]["curves"])


def test_a_stitched_row_is_the_aligned_one_with_another_head(place, splits, tmp_path):
    _pool, worker_context, _run = place
    networks = {seed: lively(worker_context, seed) for seed in (1, 2)}
    home, away = (stored(tmp_path / f"{seed}.safetensors", each.state_dict(), seed) for seed, each in networks.items())
    rows, file = donated(tmp_path / "rows.safetensors", worker_context, networks[1])
    layout, stitching = worker_context.layout, Stitching(images=8)
    matchings = align(within(place), [(home, away)], layout, Alignment(images=6))
    order = row_order(layout, worker_context.groups, permutations_of(matchings[home, away], "aligned"))
    donor, recipient = networks[1], networks[2]
    before = {name: value.clone() for name, value in recipient.state_dict().items()}
    stitch = fit_stitch(
        worker_context, stitching, layout, "linear", donor=donor, recipient=recipient, mean=rows.mean(0), order=order
    )
    assert all(torch.equal(value, before[name]) for name, value in recipient.state_dict().items())
    aligned, moved = layout.restore(rows[:, order]), layout.restore(stitch(rows))
    assert all(torch.equal(moved[name], aligned[name]) for name in layout.names if not name.startswith("linear."))
    assert not torch.equal(moved["linear.weight"], aligned["linear.weight"])
    graft = Graft(name="g", rows=file, collected=False, layout=layout, donor=home, recipient=away)
    (ref,) = transplant(within(place), [graft], matchings, BACKDOOR, stitching=stitching)
    found = worker_context.predictions(recipient, layout, stitch(rows), splits.test.images) == splits.test.labels
    told = read_transplant(ref)
    assert told[STITCHED]["accuracy"].tolist() == found.double().mean(1).tolist()
    assert told["aligned"].keys() == told[STITCHED].keys()


def test_nothing_is_stitched_into_the_donor_or_without_the_head(place, splits, tmp_path):
    _pool, worker_context, _run = place
    home = stored(tmp_path / "1.safetensors", lively(worker_context, 1).state_dict(), 1)
    _, file = donated(tmp_path / "rows.safetensors", worker_context, lively(worker_context, 1), count=1)
    matchings = align(within(place), [(home, home)], worker_context.layout, Alignment(images=6))
    graft = Graft(name="g", rows=file, collected=False, layout=worker_context.layout, donor=home, recipient=home)
    (ref,) = transplant(within(place), [graft], matchings, BACKDOOR, stitching=Stitching())
    assert STITCHED not in read_transplant(ref)
    network = worker_context.network(1)
    assert head_of(network, worker_context.layout) == "linear"
    assert head_of(network, choose(network, ("layer4.1.bn*",))) is None
    assert head_of(network, choose(network, ("layer4.1.bn*", "linear.weight"))) is None
