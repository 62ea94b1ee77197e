"""The networks that parameters are moved into: the donor itself, one trained independently, and one with a backdoor."""

from collections.abc import Sequence

from methods import randomness
from methods.backdoor.badnets import BadNets
from methods.collection.strategy import Phase, Training
from storage.datasets import Splits
from tasks.align import Weights
from tasks.laboratory import Apparatus
from tasks.pool import Job, Pool
from tasks.run import Run
from tasks.stage import stage
from tasks.train import network_file, train_one

SOURCE, INDEPENDENT, BADNETS = RECIPIENTS = ("source", "independent", "badnets")


@stage
def recipients(
    pool: Pool,
    apparatus: Apparatus,
    splits: Splits,
    donors: Sequence[Weights],
    training: Training,
    backdoor: BadNets,
    run: Run,
) -> dict[str, list[Weights]]:
    """By name, for each donor the network that its rows go into: an independent and a backdoored one of its own.

    All are trained alike, from initialisations that the run's seed and the donor's decide. Shared recipients would make
    what becomes of one donor's rows depend on which other donors there are.
    """
    phases = (Phase(train=("*",), training=training),)
    poisons = {INDEPENDENT: None, BADNETS: backdoor}
    seeds = {
        (name, donor.seed): randomness.derive(run.seed, "recipient", name, donor.seed)
        for name in poisons
        for donor in donors
    }
    jobs = [
        Job(
            work=train_one,
            arguments=(phases, poisons[name], seed),
            target=network_file(apparatus, splits.digest, phases, poisons[name], seed, run),
            label=f"{name} for {donor}",
        )
        for (name, donor), seed in seeds.items()
    ]
    made = dict(zip(seeds, pool.carry_out("recipients", jobs), strict=True))
    others = {
        name: [Weights(seed=seeds[name, donor.seed], base=made[name, donor.seed]) for donor in donors]
        for name in poisons
    }
    return {SOURCE: list(donors), **others}
