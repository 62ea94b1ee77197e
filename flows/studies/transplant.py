"""The study `transplant`: collected and generated parameters in other networks, one of them with a backdoor."""

import dataclasses
from typing import Annotated, Any, ClassVar, Literal

from annotated_types import Ge, MinLen

from flows.studies.common import Seed
from flows.studies.parameter_diffusion import OverBase, ParameterDiffusion
from flows.studies.spec import StudySpec
from flows.studies.unseen_networks import check_unseen, generate_for_unseen
from methods.backdoor.badnets import BadNets
from methods.collection.strategy import Training
from methods.errors import BadSetting
from storage.datasets import Splits
from tasks.classifiers.collect import collect
from tasks.classifiers.train import train
from tasks.classifiers.training_rows import Material
from tasks.generation.fit import fit
from tasks.generation.generators import one_shot
from tasks.generation.sample import sample
from tasks.results.unfit import sorted_out, unfit_of
from tasks.robustness.models_under_test import COLLECTED, GENERATED
from tasks.runtime.context import RunContext
from tasks.transplant.align import AS_IS, Alignment, Weights, align
from tasks.transplant.backdoor_defences import Defended
from tasks.transplant.failure_modes import Mistakes, make_mistakes
from tasks.transplant.fine_tune import FineTuning, fine_tune
from tasks.transplant.recipients import BADNETS, SOURCE, recipients
from tasks.transplant.stitch import Stitching
from tasks.transplant.summarise_transplants import summarise_transplants
from tasks.transplant.transplant import Graft, transplant
from tasks.transplant.transplant_products import FINE_TUNED, ONE_SHOT, Grafts, Transplanted
from tasks.unseen.held_out import HeldOut


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Transplant(OverBase):
    """Collected and generated parameters of a base study's networks, moved into other networks.

    base: whose networks are donors; `seeds` and `seed` take the place of its own. backdoor: how the backdoored
    recipient is poisoned. recipient: how it and the independent one are trained. fine_tuning: on as many clean images
    as alignment takes. stitching: how heads are mapped linearly; null: not at all. test_images: evenly spread, that
    everything is measured on; all if null.
    held_out: generation for networks that no row was collected of, measured on all test images; null: none.
    """

    __pydantic_config__: ClassVar[dict[str, Any]] = {"extra": "forbid"}

    networks_a_night: ClassVar[int] = 2
    study: Literal["transplant"] = "transplant"
    preset: str = "custom"
    base: ParameterDiffusion
    backdoor: BadNets = BadNets()
    recipient: Training
    alignment: Alignment = Alignment()
    stitching: Stitching | None = Stitching()
    fine_tuning: FineTuning
    defended: Defended = Defended()
    mistakes: Mistakes = Mistakes()
    test_images: Annotated[int, Ge(1)] | None = None
    held_out: HeldOut | None = None
    seeds: Annotated[tuple[Seed, ...], MinLen(1)] = (0,)
    seed: Seed = 0


def transplant_and_compare(study: Transplant, context: RunContext) -> tuple[dict[str, Any], dict[str, Any]]:
    """The study's part of `summary.json`, and `details.json`. Every stage finds what is committed already."""
    base = dataclasses.replace(study.base, seeds=study.seeds, seed=study.seed)
    layout, splits = context.layout, context.splits
    check(study, splits)
    config, kind = base.generator, base.generator.kind
    bases = train(context, base.seeds)
    donors = [Weights(seed=seed, base=ref) for seed, ref in zip(base.seeds, bases, strict=True)]
    hosts, failed = recipients(context, donors, study.recipient, study.backdoor)
    snapshots, _ = collect(context, base.seeds, bases)
    material = Material(snapshots=snapshots, fit_rows=base.fit_rows)
    fits = fit(context, config, [kind], material, base.seeds, bases)
    generated, missing = sorted_out(sample(context, config, [kind], material, fits, base.samples))
    hasty = one_shot(config)
    unsampled, unshot = sorted_out(sample(context, hasty, [kind], material, fits, base.samples) if hasty else {})

    backdoored = hosts[BADNETS][0] if BADNETS in hosts else None
    if backdoored is not None:
        tuned = fine_tune(context, backdoored, layout, study.fine_tuning, study.alignment.images)
        if record := unfit_of(tuned):
            failed[FINE_TUNED] = record
    else:
        failed[FINE_TUNED] = failed[BADNETS]
    grafts: Grafts = {}
    for name, found in hosts.items():
        for donor, recipient in zip(donors, found, strict=True):
            for source, rows in ((COLLECTED, snapshots), (GENERATED, generated.get((donor.seed, kind)))):
                if rows is None:
                    continue
                grafts[name, source, donor.seed] = Graft(
                    name=f"{source} {donor.seed} into {name}",
                    rows=rows,
                    collected=source == COLLECTED,
                    layout=layout,
                    donor=donor,
                    recipient=recipient,
                )
    matchings = align(context, [graft.pair for graft in grafts.values()], layout, study.alignment)
    if backdoored is not None:
        matchings |= align(context, [(backdoored, backdoored)], layout, study.alignment)
    moved = transplant(
        context,
        list(grafts.values()),
        matchings,
        study.backdoor,
        images=study.test_images,
        stitching=study.stitching,
    )
    plain: Grafts = {
        (SOURCE, ONE_SHOT, donor.seed): dataclasses.replace(
            grafts[SOURCE, GENERATED, donor.seed], name=f"{ONE_SHOT} {donor.seed}", rows=unsampled[donor.seed, kind]
        )
        for donor in donors
        if (donor.seed, kind) in unsampled and (donor.seed, kind) in generated
    }
    if backdoored is not None and FINE_TUNED not in failed:
        plain[BADNETS, FINE_TUNED, backdoored.seed] = Graft(
            name=FINE_TUNED, rows=tuned, collected=False, layout=layout, donor=backdoored, recipient=backdoored
        )
    written = transplant(
        context,
        list(plain.values()),
        matchings,
        study.backdoor,
        kinds=(AS_IS,),
        images=study.test_images,
    )
    wrong = make_mistakes(
        context,
        [(donor, generated[donor.seed, kind]) for donor in donors if (donor.seed, kind) in generated],
        layout,
        study.mistakes,
        study.test_images,
    )
    products = Transplanted(
        grafts=grafts | plain,
        numbers=dict(zip([*grafts, *plain], [*moved, *written], strict=True)),
        matchings=matchings,
        mistakes=wrong,
        missing={
            GENERATED: tuple(missing.values()),
            ONE_SHOT: tuple((unshot | missing).values()) if hasty else (),
            **{name: (record,) for name, record in failed.items()},
        },
    )
    summary, details = summarise_transplants(products, splits, study.defended, study.seed)
    if study.held_out is not None:
        unseen, facts = generate_for_unseen(study.held_out, study.alignment, context)
        verdict = f"{summary['verdict']} {facts['verdict']}"
        unfit = [*summary["unfit"], *facts.pop("unfit")]
        summary |= {"held_out": unseen, "held_out_facts": facts, "verdict": verdict, "unfit": unfit}
    return summary, details


def check(study: Transplant, splits: Splits) -> None:
    """Raises `BadSetting` for what would be found only after training."""
    classes = len(splits.classes)
    if study.backdoor.target >= classes:
        raise BadSetting(
            problem=f"backdoor.target = {study.backdoor.target}, and {splits.name} has the classes 0 to {classes - 1}",
            remedy="choose one of them",
        )
    study.backdoor.trigger(splits.test.images[:1])  # says so where it does not fit
    if study.held_out is not None:
        check_unseen(study.base, splits)


SPEC = StudySpec(
    configuration=Transplant,
    body=transplant_and_compare,
    description="Collected and generated parameters in other networks; choose a preset, or give a configuration.",
    presets=("flows.presets.transplant",),
    chapter="flows.report.transplant.chapter",
)
