"""The study `image_protection`: regions of photographs protected from inpainting, and what editors make of them."""

import dataclasses
from typing import Annotated, Any, ClassVar, Literal, Self

import torch
from annotated_types import Ge, Interval, MinLen

from flows.studies.common import Seed, unique
from flows.studies.spec import StudySpec
from methods.backdoor.triggers import Patch
from methods.errors import BadSetting, Diverged
from methods.inpainting.quality import Quality
from methods.inpainting.training import InpainterTraining
from methods.protection.judging import Judge
from methods.protection.noise_control import NoiseControl
from methods.protection.training_time import TrainingTime
from storage.photographs import Photographs
from tasks.protection.adapters.inpainters import OwnInpainter
from tasks.protection.backdoor_quality import measure_backdoor
from tasks.protection.backdoor_training import IMPLANTED, implanted, implanting
from tasks.protection.editors import Tool, Trained, Wanted, gather, name_of
from tasks.protection.inpainting_quality import measure_fills
from tasks.protection.judge_edits import judge_edits
from tasks.protection.photo_context import PhotoContextConfig
from tasks.protection.protect import USUAL, Block, Trial, blocks, protect
from tasks.protection.regions import Regions
from tasks.protection.summarise_protection import Products, summarise_protection
from tasks.protection.transforms import SAVED, Transform
from tasks.protection.transforms import name_of as name_of_transform
from tasks.results.unfit import unfit_of
from tasks.robustness.attack import chosen_samples
from tasks.runtime.context import RunContext
from tasks.runtime.resources import Resources


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class ImageProtection:
    """Regions of photographs protected from inpainting, and what editors make of them.

    inpainter: what every method is made against. variants: further ones, protected against likewise. others: editors
    that are only given the protected images. methods: with a `noise_control` at each ε of the others. implanting: how
    `inpainter` is trained on for a `training_time` among the methods. images: of the test split, evenly spread; block:
    images per job. broken: an inpainter is called vulnerable from the least ε on at which ssim_edit is so low.
    """

    __pydantic_config__: ClassVar[dict[str, Any]] = {"extra": "forbid"}

    networks_a_night: ClassVar[int] = 1
    images_a_night: ClassVar[int] = 6
    study: Literal["image_protection"] = "image_protection"
    preset: str = "custom"
    data: Photographs = Photographs()
    inpainter: Wanted
    variants: tuple[Wanted, ...] = ()
    others: tuple[Wanted, ...] = ()
    methods: Annotated[tuple[Trial, ...], MinLen(1)]
    implanting: InpainterTraining | None = None
    transforms: tuple[Transform, ...] = ()
    regions: Regions = Regions()
    judge: Judge = Judge()
    broken: Annotated[float, Interval(ge=-1, le=1)] = 0.45
    quality: Quality = dataclasses.field(default_factory=Quality)
    images: Annotated[int, Ge(1)] = 16
    block: Annotated[int, Ge(1)] = 8
    seed: Seed = 0
    resources: Resources = Resources()

    def tonight(self, rotating: int) -> Self:
        """As the nightly runs it, on few images. Its inpainters have seeds of their own, the same every night."""
        return dataclasses.replace(self, seed=rotating, images=min(self.images, self.images_a_night))

    @property
    def context_config(self) -> PhotoContextConfig:
        return PhotoContextConfig(resources=self.resources)

    @property
    def wanted(self) -> tuple[Wanted, ...]:
        return (self.inpainter, *self.variants, *self.others)

    @property
    def backdoor(self) -> TrainingTime | None:
        found = [trial.method for trial in self.methods if isinstance(trial.method, TrainingTime)]
        return found[0] if found else None

    def __post_init__(self) -> None:
        """Raises `BadSetting` for what does not fit together, before anything is trained."""
        unique("inpainter, variants and others", [IMPLANTED, *map(name_of, self.wanted)])
        unique("methods", [trial.name for trial in self.methods])
        unique("transforms", [SAVED, *map(name_of_transform, self.transforms)])
        self.regions.check(self.data.size, self.judge.expansion)
        for each in (self.inpainter, *self.variants):
            if not each.differentiable:
                raise BadSetting(
                    problem=f"{name_of(each)} has no gradient, so that nothing can be protected against it",
                    remedy="name it among others, and a trained inpainter in its place",
                )
        controlled = {trial.epsilon for trial in self.methods if isinstance(trial.method, NoiseControl)}
        for trial in self.methods:
            if not isinstance(trial.method, TrainingTime) and trial.epsilon not in controlled:
                raise BadSetting(
                    problem=f"methods: {trial.name} has no noise_control beside it",
                    remedy=f"add one with epsilon={trial.epsilon:g}: without it a number says little",
                )
        if self.backdoor is not None:
            self._check_backdoor(self.backdoor)

    def _check_backdoor(self, backdoor: TrainingTime) -> None:
        if self.implanting is None or not isinstance(self.inpainter, Trained | OwnInpainter):
            raise BadSetting(
                problem="training_time needs an inpainter of our own, and `implanting`, how it is trained on",
                remedy="give both, or leave training_time out",
            )
        patch = backdoor.trigger
        if isinstance(patch, Patch) and patch.size + patch.margin > self.regions.margin:
            raise BadSetting(
                problem=f"a patch of {patch.size} pixels may lie in a region {self.regions.margin} from "
                "the edge, where an editor erases it",
                remedy="make it smaller, or regions.margin larger, or have a watermark",
            )


def protect_and_edit(study: ImageProtection, context: RunContext) -> tuple[dict[str, Any], dict[str, Any]]:
    """The study's part of `summary.json`, and `details.json`. Every stage finds what is committed already.

    Raises `Diverged` where the training of the study's own inpainter diverges.
    """
    check(study)
    splits, expansion = context.splits, study.judge.expansion
    tools, unfit = gather(context, study.wanted, study.data, study.quality)
    if record := unfit.get(name_of(study.inpainter)):  # there is nobody to protect from
        raise Diverged(problem=f"{record.part}: {record.problem}", remedy=record.remedy, step=0)
    named = set(map(name_of, study.variants))
    subject, variants = tools[0], [each for each in tools[1:] if each.name in named]
    samples = tuple(chosen_samples(len(splits.test), study.images))
    plan = planned(study, subject, variants, samples)
    training = []
    if study.backdoor is not None and study.implanting is not None:
        training.append(implanting(subject, study.backdoor, study.implanting, context.run))
    made, trained = protect(context, plan, study.regions, expansion, beside=training)
    fitted, backdoor = list(tools), {}
    if study.backdoor is not None and trained and (record := unfit_of(trained[0])):
        unfit |= dict.fromkeys((trial.name for trial in triggers(study)), record)
    elif study.backdoor is not None and trained:
        fitted.append(spoilt := implanted(trained[0]))
        backdoor = measure_backdoor(context, subject, spoilt, study.backdoor, study.quality)
        triggered = [block for trial in triggers(study) for block in blocks(trial, spoilt, samples, study.block)]
        plan += triggered
        made += protect(context, triggered, study.regions, expansion)[0]
    edited = judge_edits(
        context,
        [(block, ref, others(block, subject, tools)) for block, ref in zip(plan, made, strict=True)],
        study.judge,
        study.transforms,
        study.regions,
    )
    fills = measure_fills(context, fitted, study.quality, samples)
    products = Products(
        plan=tuple(plan), protected=tuple(made), judged=tuple(edited), fills=fills, backdoor=backdoor, unfit=unfit
    )
    return summarise_protection(products, study.regions, study.judge, study.broken, splits, study.seed)


def triggers(study: ImageProtection) -> list[Trial]:
    return [trial for trial in study.methods if isinstance(trial.method, TrainingTime)]


def planned(study: ImageProtection, subject: Tool, variants: list[Tool], samples: tuple[int, ...]) -> list[Block]:
    """Every method against the subject, those that take all images against variants; the trigger has its own."""
    trials = [trial for trial in study.methods if not isinstance(trial.method, TrainingTime)]
    return [
        block
        for tool in (subject, *variants)
        for trial in trials
        if tool == subject or trial.images is None
        for block in blocks(trial, tool, samples, study.block)
    ]


def others(block: Block, subject: Tool, tools: list[Tool]) -> tuple[Tool, ...]:
    """Whom protected images are given besides: what was made against a variant, only at the usual ε."""
    if block.tool != subject and block.trial.epsilon not in (USUAL, 1.0):
        return ()
    return tuple(tool for tool in tools if tool != block.tool)


def check(study: ImageProtection) -> None:
    """Opens every editor that is there already. Raises what `open` does: it would be found missing only after hours."""
    for each in study.wanted:
        if not isinstance(each, Trained):
            each.open(torch.device("cpu"))


SPEC = StudySpec(
    configuration=ImageProtection,
    body=protect_and_edit,
    description="Regions of photographs protected from inpainting; choose a preset, or give the whole configuration.",
    presets=("flows.presets.image_protection",),
    chapter="flows.report.image_protection.chapter",
)
