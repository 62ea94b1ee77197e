"""The configuration of the study `image_protection`."""

import dataclasses
from typing import Annotated, Any, ClassVar, Literal, Self

from annotated_types import Ge, Interval, MinLen

from flows.configuration import Seed, unique
from methods.backdoor.triggers import Patch
from methods.errors import BadSetting
from methods.inpainting.quality import Quality
from methods.inpainting.training import InpainterTraining
from methods.protection.judging import Judge
from methods.protection.noise_control import NoiseControl
from methods.protection.training_time import TrainingTime
from storage.photographs import Photographs
from tasks.protection.adapters.inpainters import OwnInpainter
from tasks.protection.backdoor_training import IMPLANTED
from tasks.protection.darkroom import DarkroomApparatus
from tasks.protection.editors import Trained, Wanted, name_of
from tasks.protection.protect import Trial
from tasks.protection.regions import Regions
from tasks.protection.transforms import SAVED, Transform
from tasks.protection.transforms import name_of as name_of_transform
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
    def apparatus(self) -> DarkroomApparatus:
        return DarkroomApparatus(resources=self.resources)

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
