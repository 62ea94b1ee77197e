"""Each mistake is what its name says, and nothing else; fine-tuning moves the rows' layers alone."""

import copy

import pytest
import torch

from methods.collection.strategy import LastPhase, Training
from models import CifarResNet
from storage.formats import publish_tensors, read_tensors
from tasks.classifiers.classifier_context import ClassifierContext
from tasks.runtime.pool import InlinePool
from tasks.runtime.run import Run
from tasks.transplant.align import Weights
from tasks.transplant.backdoor_defences import Defended, defences
from tasks.transplant.failure_modes import Mistakes, drift, normalise, scrambled
from tasks.transplant.fine_tune import FineTuning, fine_tune
from tests.contexts import context

TRAINING = Training(epochs=1, batch_size=4)
STRATEGY = LastPhase(keep=("layer4.1.bn2.*", "linear.*"), first=TRAINING, then=TRAINING, rows=1)


@pytest.fixture
def worker_context(context_config, splits):
    return ClassifierContext(context_config(network=CifarResNet(width=2), strategy=STRATEGY), splits)


def test_scrambled_rows_have_all_their_numbers_elsewhere(worker_context):
    layout = worker_context.layout
    row = torch.arange(layout.size, dtype=torch.float32)
    wrong = scrambled(layout).restore(row)
    assert {name: value.shape for name, value in wrong.items()} == {
        name: value.shape for name, value in layout.restore(row).items()
    }
    assert torch.equal(torch.cat([value.flatten() for value in wrong.values()]).sort().values, row)
    # bias comes before weight in the order of names
    assert torch.equal(wrong["layer4.1.bn2.bias"], layout.restore(row)["layer4.1.bn2.weight"])


def test_another_normalisation_is_that_of_another_image(worker_context, splits):
    network = worker_context.network(0).eval()
    x = splits.test.images.float() / 255
    with torch.no_grad():
        # the image that the network's own normalisation takes to the same numbers
        mean, std = (torch.tensor(each)[:, None, None] for each in (splits.mean, splits.std))
        own = network((x - 0.5) / 0.25 * std + mean)
        normalise(network, 0.5, 0.25)
        torch.testing.assert_close(network(x), own, atol=1e-4, rtol=1e-4)


def test_drifting_moves_statistics_and_no_parameter(worker_context):
    network = worker_context.network(0)
    before = copy.deepcopy(network.state_dict())
    drift(worker_context, network, Mistakes(drift_steps=2, drift_batch=4), seed=0)
    after = network.state_dict()
    moved = {name for name in before if not torch.equal(before[name], after[name])}
    assert moved == {name for name in before if name.endswith(("running_mean", "running_var", "num_batches_tracked"))}
    assert not any(module.training for module in network.modules())


def test_fine_tuned_rows_begin_at_the_networks_own_and_differ_by_seed(worker_context, splits, watcher, tmp_path):
    state = worker_context.network(3).state_dict()
    network = Weights(seed=3, base=publish_tensors(tmp_path / "base.safetensors", state, {}))
    pool = InlinePool(worker_context.context_config, splits, watcher)
    run = Run(home=str(tmp_path), run_id="r", preset="p", seed=0).bound(splits.digest, worker_context.context_config)

    def rows(rate):
        tuning = FineTuning(training=Training(epochs=2, batch_size=4, learning_rate=rate), models=2, views=1)
        return read_tensors(
            fine_tune(
                context(pool, worker_context.context_config, splits, run), network, worker_context.layout, tuning, 8
            ).path
        )[0]["rows"]

    own = worker_context.layout.flatten(state)
    torch.testing.assert_close(rows(1e-9), own.expand(2, -1), atol=1e-5, rtol=1e-5)
    far = rows(0.1)
    assert (far - own).abs().amax(1).min() > 1e-3
    assert not torch.equal(far[0], far[1])


def test_a_defence_keeps_the_accuracy_and_lowers_the_attack():
    def told(accuracy, asr):
        return {"n": 3, "mean": accuracy, "asr_mean": asr, "robust_accuracy_mean": 0.1}

    recipient = {"clean_accuracy": 0.9, "asr": 1.0}
    tried = {"weak": told(0.9, 0.95), "good": told(0.89, 0.5), "best": told(0.86, 0.2), "ruin": told(0.1, 0.0)}
    ranked = defences(tried, recipient, Defended(keeps=0.95, lowers=0.1))
    assert [(each["name"], each["defence"]) for each in ranked] == [
        ("best", True),
        ("good", True),
        ("ruin", False),
        ("weak", False),
    ]
