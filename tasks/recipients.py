"""The networks that parameters are moved into: the donor itself, one trained independently, and one with a backdoor."""

from collections.abc import Sequence

from methods import randomness
from methods.backdoor.badnets import BadNets
from methods.collection.strategy import Phase, Training
from methods.progress import OnStep
from storage.datasets import Splits
from tasks.align import Weights
from tasks.laboratory import Apparatus, Laboratory
from tasks.pool import Job, Pool
from tasks.run import Run
from tasks.stage import stage
from tasks.train import network_file, train_one
from tasks.unfit import SHORTFALLS, Unfit, publish_unfit, shortfall, sorted_out

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
) -> tuple[dict[str, list[Weights]], dict[str, Unfit]]:
    """By name, for each donor the network that its rows go into: an independent and a backdoored one of its own.

    All are trained alike, from initialisations that the run's seed and the donor's decide. Shared recipients would make
    what becomes of one donor's rows depend on which other donors there are. Second, by name, why one is unfit: its
    training diverged, for one donor or more.
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
            work=train_recipient,
            arguments=(name, phases, poisons[name], seed),
            target=network_file(apparatus, splits.digest, phases, poisons[name], seed, run),
            label=f"{name} for {donor}",
        )
        for (name, donor), seed in seeds.items()
    ]
    made, records = sorted_out(dict(zip(seeds, pool.carry_out("recipients", jobs), strict=True)))
    unfit = {name: record for (name, _), record in reversed(records.items())}
    others = {
        name: [Weights(seed=seeds[name, donor.seed], base=made[name, donor.seed]) for donor in donors]
        for name in poisons
        if name not in unfit
    }
    return {SOURCE: list(donors), **others}, unfit


def train_recipient(
    laboratory: Laboratory,
    name: str,
    phases: tuple[Phase, ...],
    poison: BadNets | None,
    seed: int,
    *,
    target: str,
    on_step: OnStep,
) -> None:
    try:
        train_one(laboratory, phases, poison, seed, target=target, on_step=on_step)
    except SHORTFALLS as error:
        publish_unfit(target, shortfall(error, name, seed))
