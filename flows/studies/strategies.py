"""The study `strategies`: ways of collecting parameters, compared by what can be made of the rows."""

import dataclasses
import time
from collections.abc import Sequence
from typing import Annotated, Any, ClassVar, Literal

from annotated_types import MinLen
from pydantic import Field

from flows.studies.ablations import RESULTS, Relay
from flows.studies.common import Seed, unique
from flows.studies.parameter_diffusion import OverBase, ParameterDiffusion
from flows.studies.spec import StudySpec
from flows.studies.strategy_measurements import measured
from flows.studies.strategy_transplants import Elsewhere
from methods.backdoor.badnets import BadNets
from methods.collection.strategy import Strategy
from methods.errors import BadSetting
from methods.layout import Layout
from methods.progress import OnStep
from storage.formats import publish_json, read_json
from tasks.classifiers.classifier_context import ClassifierContext
from tasks.classifiers.train import opening, train
from tasks.results.unfit import unfit_of
from tasks.runtime.context import RunContext
from tasks.runtime.jobs import map_jobs
from tasks.runtime.pool import InlinePool
from tasks.runtime.run import Run
from tasks.strategies.summarise_strategies import summarise_strategies
from tasks.transplant.align import AS_IS, Alignment, Weights, align
from tasks.transplant.backdoor_defences import Defended
from tasks.transplant.fine_tune import FineTuning, fine_tune
from tasks.transplant.recipients import BADNETS, INDEPENDENT
from tasks.transplant.transplant import Graft, transplant
from tasks.transplant.transplant_products import FINE_TUNED


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Strategies(OverBase):
    """Ways of collecting parameters, each with all that follows from it: rows, generated models, transplants.

    base: what all have in common; `seeds` and `seed` take the place of its own. recipient: seed of the network that
    generated parameters are moved into, trained as `base.strategy` begins; it shares nothing with those of `seeds`.
    alignment: how hidden units are matched before. backdoor: of a second recipient, trained likewise, and of the
    poisoned training sets of `weightsmith collect`. fine_tuning: what a transplant into the backdoored recipient is
    compared with, of the same parameters, on as many clean images as alignment takes. defended: when either counts as
    a defence.
    """

    __pydantic_config__: ClassVar[dict[str, Any]] = {"extra": "forbid"}

    networks_a_night: ClassVar[int] = 0
    study: Literal["strategies"] = "strategies"
    preset: str = "custom"
    base: ParameterDiffusion
    strategies: Annotated[tuple[Annotated[Strategy, Field(discriminator="kind")], ...], MinLen(1)]
    recipient: Seed = 1000
    alignment: Alignment = Alignment()
    backdoor: BadNets = BadNets()
    fine_tuning: FineTuning
    defended: Defended = Defended()
    seeds: Annotated[tuple[Seed, ...], MinLen(1)] = (0,)
    seed: Seed = 0

    def __post_init__(self) -> None:
        """Raises `BadSetting` where two strategies would carry one name, or the recipient is one of the donors."""
        unique("strategies", [strategy.kind for strategy in self.strategies])
        if self.recipient in self.seeds:
            raise BadSetting(
                problem=f"recipient: {self.recipient} is one of the seeds {list(self.seeds)} that are moved into it",
                remedy="choose another seed for the recipient",
            )

    def study_of(self, strategy: Strategy) -> ParameterDiffusion:
        """One strategy's run, but for what is compared between them."""
        return dataclasses.replace(self.base, strategy=strategy, seeds=self.seeds, seed=self.seed)


def compare_strategies(study: Strategies, context: RunContext) -> tuple[dict[str, Any], dict[str, Any]]:
    """The study's part of `summary.json`, and `details.json`. Every stage finds what is committed already."""
    own = {each.kind: study.study_of(each) for each in study.strategies}
    contexts = {kind: dataclasses.replace(context, context_config=each.context_config) for kind, each in own.items()}
    for each in contexts.values():
        ClassifierContext.check_plan(each.context_config, each.splits)
    elsewhere = prepare(study, [each.layout for each in contexts.values()], context)
    beginnings = {(opening(each.strategy), each.strategy.buffers): kind for kind, each in own.items()}
    for kind in beginnings.values():  # here, so that no two workers train the same network
        train(contexts[kind], study.seeds)
    items = {kind: (each, elsewhere, context.run) for kind, each in own.items()}
    found = map_jobs(context, "strategies", compare_one, items, product="strategies", suffix=".json")
    files = list(found.values())
    return summarise_strategies([read_json(ref.path) for ref in files], context.splits, files)


def prepare(study: Strategies, layouts: Sequence[Layout], context: RunContext) -> Elsewhere:
    """The recipients, trained alike but for the poison, and fine-tuning, which transplants are compared with."""
    hosts = {
        name: Weights(
            seed=study.recipient,
            base=train(context, [study.recipient], poison=poison)[0],
        )
        for name, poison in {INDEPENDENT: None, BADNETS: study.backdoor}.items()
    }
    backdoored, tuned = hosts[BADNETS], {}
    for layout in dict.fromkeys(layouts):
        rows = fine_tune(context, backdoored, layout, study.fine_tuning, study.alignment.images)
        if unfit_of(rows) is not None:
            continue
        graft = Graft(
            name=FINE_TUNED, rows=rows, collected=False, layout=layout, donor=backdoored, recipient=backdoored
        )
        matchings = align(context, [graft.pair], layout, study.alignment)
        (tuned[layout],) = transplant(context, [graft], matchings, study.backdoor, kinds=(AS_IS,))
    return Elsewhere(
        hosts=hosts, tuned=tuned, alignment=study.alignment, backdoor=study.backdoor, defended=study.defended
    )


def compare_one(
    worker_context: ClassifierContext,
    own: ParameterDiffusion,
    elsewhere: Elsewhere,
    run: Run,
    *,
    target: str,
    on_step: OnStep,
) -> None:
    """What a strategy leaves.

    A generator that is unfit has a record in place of its numbers. A strategy that stops before there is anything to
    compare, with one of the `RESULTS`, has an `error` in place of all numbers.
    """
    began = time.monotonic()
    pool = InlinePool(own.context_config, worker_context.splits, Relay(on_step))
    context = RunContext(pool=pool, run=run, splits=worker_context.splits, context_config=own.context_config)
    told: dict[str, Any] = {"strategy": own.strategy.kind}
    try:
        told |= measured(own, elsewhere, context)
    except RESULTS as error:
        told["error"] = str(error)
    publish_json(target, told | {"seconds": round(time.monotonic() - began, 3)})


SPEC = StudySpec(
    configuration=Strategies,
    body=compare_strategies,
    description="Ways of collecting parameters, compared; choose a preset, or give the whole configuration.",
    presets=("flows.presets.strategies",),
    chapter="flows.report.strategies",
)
