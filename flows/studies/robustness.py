"""The study `robustness`: attacks on trained, defended and generated networks, and whether a defence only hides."""

import dataclasses
from collections.abc import Sequence
from typing import Annotated, Any, ClassVar, Literal

import numpy as np
from annotated_types import Ge, MinLen
from pydantic import Field

from flows.studies.common import Seed, unique
from flows.studies.parameter_diffusion import OverBase, ParameterDiffusion
from flows.studies.spec import StudySpec
from methods import randomness
from storage.formats import count_rows
from storage.snapshot_set import SnapshotSet
from tasks.classifiers.collect import collect
from tasks.classifiers.train import train
from tasks.classifiers.training_rows import Material
from tasks.generation.fit import fit
from tasks.generation.sample import sample
from tasks.results.unfit import Unfit, sorted_out
from tasks.robustness.adapters.libraries import LibraryAttack, imported
from tasks.robustness.attack import Plan, attack, chosen_samples
from tasks.robustness.attack_configs import Attempt
from tasks.robustness.attack_metrics import Budgets
from tasks.robustness.defend import DISTILLED, FIRST, Defence, defend
from tasks.robustness.diagnose import diagnose
from tasks.robustness.models_under_test import COLLECTED, GENERATED, MEAN, SIBLINGS, OwnNetwork, Subject, own_subject
from tasks.robustness.summarise_attacks import summarise_attacks
from tasks.robustness.tutorial import Tutorial, check_tutorial, show
from tasks.runtime.context import RunContext


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Siblings:
    """Models of one network that differ in generated, or in collected, parameters: `models` of each, chosen by seed."""

    __pydantic_config__: ClassVar[dict[str, Any]] = {"extra": "forbid"}

    models: Annotated[int, Ge(1)] = 20
    attacks: Annotated[tuple[Attempt, ...], MinLen(1)]


RESERVED = ("undefended", DISTILLED, *FIRST.values(), *SIBLINGS)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Robustness(OverBase):
    """Networks of a base study and their defended twins, under attack.

    base: whose networks are attacked, and whose generated models; `seeds` and `seed` take the place of its own. The
    first seed's network is defended, generated models come from all. images: of the test split, attacked by everyone.
    block: images per job. masking_images: of those, how many the diagnosis of gradient masking takes, and
    masking_queries what it may ask without gradients; null: no diagnosis.
    tutorial: one image attacked step by step, for showing.
    """

    __pydantic_config__: ClassVar[dict[str, Any]] = {"extra": "forbid"}

    networks_a_night: ClassVar[int] = 2
    study: Literal["robustness"] = "robustness"
    preset: str = "custom"
    base: ParameterDiffusion
    defences: tuple[Annotated[Defence, Field(discriminator="kind")], ...] = ()
    own: tuple[OwnNetwork, ...] = ()
    attacks: Annotated[tuple[Attempt, ...], MinLen(1)]
    generated: Siblings | None = None
    budgets: Budgets
    tutorial: Tutorial | None = None
    images: Annotated[int, Ge(1)] = 100
    block: Annotated[int, Ge(1)] = 50
    masking_images: Annotated[int, Ge(1)] | None = 100
    masking_queries: Annotated[int, Ge(1)] = 1000
    seeds: Annotated[tuple[Seed, ...], MinLen(1)] = (0,)
    seed: Seed = 0

    def __post_init__(self) -> None:
        """Raises `BadSetting` where rows of two things would carry one name."""
        siblings = self.generated.attacks if self.generated else ()
        unique("attacks", [attempt.name for attempt in self.attacks])
        unique("generated.attacks", [attempt.name for attempt in siblings])
        unique("defences", [defence.kind for defence in self.defences])
        unique("own", [*RESERVED, *(own.name for own in self.own)])


UNDEFENDED = "undefended"


def attack_and_compare(study: Robustness, context: RunContext) -> tuple[dict[str, Any], dict[str, Any]]:
    """The study's part of `summary.json`, and `details.json`. Every stage finds what is committed already."""
    own, splits = check(study), context.splits
    base = dataclasses.replace(study.base, seeds=study.seeds, seed=study.seed)
    bases = train(context, base.seeds)
    first = Subject(name=UNDEFENDED, seed=base.seeds[0], base=bases[0])
    defended, failed = defend(context, study.defences, first)
    single = [first, *defended, *own]
    plan: Plan = [(subject, attempt) for subject in single for attempt in study.attacks]
    missing = {name: [record] for name, record in failed.items()}
    if study.generated is not None:
        chosen_siblings, missing[GENERATED] = siblings(study.generated, base, bases, context)
        plan = [*plan, *chosen_siblings]
    files = attack(context, plan, study.images, study.block)
    looked_at = spread(chosen_samples(len(splits.test.labels), study.images), study.masking_images or 0)
    diagnoses = diagnose(context, single, study.budgets.linf, study.masking_queries, looked_at)
    shown = show(context, study.tutorial, first) if study.tutorial else None
    return summarise_attacks(files, diagnoses, study.attacks, study.budgets, splits, shown, missing)


def check(study: Robustness) -> list[Subject]:
    """A user's networks. Raises `BadSetting` for what would be found missing only after hours."""
    for attempt in study.attacks:
        if isinstance(attempt.attack, LibraryAttack):
            imported(attempt.attack.package)
    if study.tutorial is not None:
        check_tutorial(study.tutorial)
    return [own_subject(own) for own in study.own]


def spread(samples: Sequence[int], count: int) -> list[int]:
    """So many of them, evenly; all where there are fewer."""
    places = np.linspace(0, len(samples) - 1, min(count, len(samples))).round().astype(int)
    return [samples[place] for place in places]


def siblings(
    wanted: Siblings, base: ParameterDiffusion, bases: list[Any], context: RunContext
) -> tuple[Plan, list[Unfit]]:
    """Generated models, and beside them as many of the collected ones that they were learned from, and their mean.

    Only of the networks that have generated models, so that equal networks are compared; of all networks where the
    generator is unfit on every one. Second, why there are no generated models.
    """
    config, kind = base.generator, base.generator.kind
    snapshots, _ = collect(context, base.seeds, bases)
    material = Material(snapshots=snapshots, fit_rows=base.fit_rows)
    fits = fit(context, config, [kind, MEAN], material, base.seeds, bases)
    sampled, missing = sorted_out(sample(context, config, [kind, MEAN], material, fits, base.samples))
    fit_seeds = [seed for seed in base.seeds if (seed, kind) in sampled]
    stored = SnapshotSet.open(snapshots)
    found: list[Subject] = []
    for seed, ref in zip(base.seeds, bases, strict=True):
        if fit_seeds and seed not in fit_seeds:
            continue
        sources = {
            COLLECTED: (snapshots, stored.scalars(seeds=[seed]).num_rows),
            MEAN: (sampled[seed, MEAN], 1),
        }
        if seed in fit_seeds:
            rows = sampled[seed, kind]
            sources = {GENERATED: (rows, count_rows(rows.path, "rows"))} | sources
        for name, (rows, available) in sources.items():
            for row in chosen(context.seed, name, seed, available, -(-wanted.models // len(fit_seeds or base.seeds))):
                found.append(
                    Subject(
                        name=name,
                        seed=seed,
                        base=ref,
                        rows=rows,
                        row=row,
                        layout=stored.layout,
                        collected=name == COLLECTED,
                    )
                )
    numbered = [
        dataclasses.replace(each, member=sum(e.name == each.name for e in found[:i])) for i, each in enumerate(found)
    ]
    kept = [each for each in numbered if each.member < wanted.models]
    return [(subject, attempt) for subject in kept for attempt in wanted.attacks], list(missing.values())


def chosen(run_seed: int, name: str, seed: int, available: int, count: int) -> list[int]:
    """Which of the available models take part: different ones, decided by the seed alone."""
    rng = np.random.default_rng(randomness.derive(run_seed, "siblings", name, seed))
    return sorted(rng.permutation(available)[:count].tolist())


SPEC = StudySpec(
    configuration=Robustness,
    body=attack_and_compare,
    description="Attacks on networks, defended variants and generated models; choose a preset or give a configuration.",
    presets=("flows.presets.robustness",),
    chapter="flows.report.robustness.chapter",
)
