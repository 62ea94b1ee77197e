"""Fields of presets that carry a source's name, beside the published values; sources in the ids."""

from typing import Any

import pytest

from flows.presets import (
    ablations,
    image_protection,
    invertibility,
    parameter_diffusion,
    robustness,
    strategies,
    transplant,
)
from methods.attacks.plain_gradient import PlainGradient
from methods.collection.strategy import Training
from methods.protection.runtime_faithful import RuntimeFaithful

PAPER, NOTE, TRANSPLANT = parameter_diffusion.paper(), strategies.note(), transplant.note()
ATTACKED, MNIST, LAMA = robustness.paper(), invertibility.mnist(), image_protection.lama()
ABLATED = {(cell.varied, cell.value): cell for cell in ablations.paper().cells}
BY_KIND = {strategy.kind: strategy for strategy in NOTE.strategies}
ATTACKS = {attempt.name: attempt.attack for attempt in ATTACKED.attacks}
DISTILLED, FAITHFUL = ATTACKED.defences[0], RuntimeFaithful()


def rates(*trainings: Training) -> list[tuple[int, float]]:
    """(first epoch, learning rate) of every stretch of constant rate, over all trainings."""
    found, begin = [], 0
    for training in trainings:
        places = training.milestones if training.schedule == "steps" else ()
        for passed, share in enumerate((0.0, *places)):
            found.append((begin + round(share * training.epochs), training.learning_rate * training.decay**passed))
        begin += training.epochs
    return found


AUTOENCODING, DIFFUSION = PAPER.generator.autoencoding, PAPER.generator.diffusion
TABLE: list[tuple[str, Any, Any]] = [
    # arXiv 2402.13144 and the first public version of its code
    ("paper: data", PAPER.data.source, "cifar100"),
    ("paper: network", (PAPER.network.depth, PAPER.network.width), (18, 64)),
    ("paper: kept layers", PAPER.strategy.keep, ("layer4.1.bn1.*", "layer4.1.bn2.*")),
    ("paper: momentum", (PAPER.strategy.first.momentum, PAPER.strategy.then.momentum), (0.9, 0.9)),
    ("paper: weight decay", (PAPER.strategy.first.weight_decay, PAPER.strategy.then.weight_decay), (5e-4, 5e-4)),
    ("paper: batch", (PAPER.strategy.first.batch_size, PAPER.strategy.then.batch_size), (64, 64)),
    ("paper: epochs", (PAPER.strategy.first.epochs, PAPER.strategy.then.epochs), (200, 200)),
    ("paper: snapshots", PAPER.strategy.rows, 200),
    ("paper: models", PAPER.samples, 200),
    ("paper: latent", PAPER.generator.autoencoder.latent, 128),
    ("paper: noise", (AUTOENCODING.input_noise, AUTOENCODING.latent_noise), (1e-3, 0.5)),
    ("paper: autoencoder by AdamW", (AUTOENCODING.learning_rate, AUTOENCODING.weight_decay), (1e-3, 2e-6)),
    ("paper: denoiser by AdamW", (DIFFUSION.learning_rate, DIFFUSION.weight_decay), (1e-3, 2e-6)),
    ("paper: process", (DIFFUSION.times, DIFFUSION.beta_first, DIFFUSION.beta_last), (1000, 1e-4, 2e-2)),
    ("paper: sampler", PAPER.generator.sampling.kind, "ddpm"),
    ("paper: decoder noise", PAPER.generator.decoder_noise, 0.0),
    # first version, CIFAR-100: generated mean less 76.6
    *(
        (f"ablations: {name}", round(76.6 + ABLATED[name].published, 1), mean)
        for name, mean in {
            ("base", "as preset"): 72.4,
            ("noise", "none"): 65.8,
            ("noise", "input"): 66.7,
            ("noise", "latent"): 72.1,
            ("snapshots fitted", "1"): 70.7,
            ("snapshots fitted", "10"): 71.2,
            ("snapshots fitted", "50"): 71.3,
            ("snapshots fitted", "all of 500"): 72.3,
        }.items()
    ),
    ("ablations: latent noise", ABLATED["noise", "latent"].changes[1], "generator.autoencoding.latent_noise=0.5"),
    # the note's seven attempts
    ("note: shrink", (BY_KIND["shrink"].first.epochs, BY_KIND["shrink"].then.epochs), (100, 100)),
    ("note: shrink_reordered", BY_KIND["shrink_reordered"].then.epochs, 50),
    ("note: shrink_conv", BY_KIND["shrink_conv"].then.epochs, 100),
    ("note: four_bn", (BY_KIND["four_bn"].then.epochs, len(BY_KIND["four_bn"].phases()) - 1), (50, 5)),
    ("note: retrain_first opening", BY_KIND["retrain_first"].first_accuracy, 0.8888),
    ("note: retrain_first until", BY_KIND["retrain_first"].accuracy, 0.88),
    ("note: retrain_first epochs", BY_KIND["retrain_first"].again.epochs, 10),
    ("note: retrain_first rate", BY_KIND["retrain_first"].again.learning_rate, 1e-4),
    ("note: retrain_first batches", BY_KIND["retrain_first"].batch_sizes, (32, 64, 128, 256, 512, 1024)),
    ("note: retrain_first lingers", BY_KIND["retrain_first"].linger, 1.0),
    *(
        (f"note: {kind}", (each.again.epochs, each.again.learning_rate, each.accuracy), (100, 1e-2, 0.82))
        for kind, each in BY_KIND.items()
        if kind in ("retrain_conv", "retrain_conv_bn")
    ),
    ("note: BadNets", (TRANSPLANT.backdoor.fraction, TRANSPLANT.backdoor.target), (0.1, 0)),
    ("note: BadNets patch", TRANSPLANT.backdoor.trigger.size, 3),
    ("note: 7,178 numbers", TRANSPLANT.base.strategy.keep[-1], "linear.*"),
    # Carlini and Wagner; Papernot et al.; Andriushchenko et al.; the tutorial
    ("attacks: C&W", (ATTACKS["cw_l2"].search_steps, ATTACKS["cw_l2"].steps), (9, 1000)),
    ("attacks: Square", ATTACKS["square_linf"].queries, 5000),
    ("defences: T", DISTILLED.temperature, 100.0),
    ("tutorial: ε", PlainGradient().epsilon, 2 / 255),
    ("tutorial: untargeted", (PlainGradient().step_size, PlainGradient().steps), (0.1, 30)),
    ("tutorial: targeted", (PlainGradient().targeted_step_size, PlainGradient().targeted_steps), (5e-3, 100)),
    # Jacobsen et al. and their code
    ("iCE: network", (MNIST.network.levels, MNIST.network.steps, MNIST.network.hidden), (3, 16, 128)),
    ("iCE: Adamax", (MNIST.ice.schedule.learning_rate, MNIST.ice.schedule.batch_size), (1e-3, 128)),
    ("iCE: schedule", (MNIST.ice.schedule.milestones, MNIST.ice.schedule.decay), ((0.3, 0.6, 0.8), 0.2)),
    ("iCE: adversary", (MNIST.ice.adversary, MNIST.ice.adversary_steps), ((512, 512), 5)),
    ("iCE: variant", MNIST.ice.variant, "max_ce_true"),
    # Attack as Defense and its code
    ("protection: default ε", FAITHFUL.epsilon, 0.025),
    ("protection: as by default", [trial.method for trial in LAMA.methods].count(FAITHFUL), 1),
    ("protection: iterations", FAITHFUL.iterations, 20),
    ("protection: start", FAITHFUL.start, 0.01),
    ("protection: Adam", (FAITHFUL.learning_rate, FAITHFUL.betas, FAITHFUL.adam_epsilon), (0.1, (0.5, 0.5), 1e-10)),
    ("protection: hiding", (FAITHFUL.losses.hide_weight, FAITHFUL.losses.expansion), (2.0, 8)),
]


@pytest.mark.parametrize(("found", "published"), [row[1:] for row in TABLE], ids=[row[0] for row in TABLE])
def test_a_field_has_its_published_value(found: Any, published: Any) -> None:
    assert found == pytest.approx(published) if isinstance(published, float) else found == published


def test_the_published_learning_rate_falls_at_60_120_160_and_200_epochs() -> None:
    found = rates(PAPER.strategy.first, PAPER.strategy.then)
    assert [epoch for epoch, _ in found] == [0, 60, 120, 160, 200]
    assert [rate for _, rate in found] == pytest.approx([0.1, 0.02, 4e-3, 8e-4, 1.6e-4])
