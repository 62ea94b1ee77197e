"""Which attacks a study may name, and what is asked of each."""

import dataclasses
from typing import Annotated, Any, ClassVar

from pydantic import Field

from methods.attacks.apgd import Apgd
from methods.attacks.autoattack import AutoAttack
from methods.attacks.carlini_wagner.l0 import CarliniWagnerL0
from methods.attacks.carlini_wagner.l2 import CarliniWagnerL2
from methods.attacks.carlini_wagner.linf import CarliniWagnerLinf
from methods.attacks.ddn import Ddn
from methods.attacks.elastic_net import ElasticNet
from methods.attacks.fgsm import Fgsm
from methods.attacks.jsma import Jsma
from methods.attacks.pgd import Pgd
from methods.attacks.plain_gradient import PlainGradient
from methods.attacks.random_noise import RandomNoise
from methods.attacks.spatial import Spatial
from methods.attacks.square import Square
from tasks.robustness.adapters.libraries import LibraryAttack

AttackConfig = Annotated[
    Fgsm
    | Pgd
    | PlainGradient
    | Apgd
    | AutoAttack
    | CarliniWagnerL2
    | CarliniWagnerL0
    | CarliniWagnerLinf
    | ElasticNet
    | Ddn
    | Jsma
    | Square
    | RandomNoise
    | Spatial
    | LibraryAttack,
    Field(discriminator="kind"),
]
"""Any attack that a study may name; told apart by `kind`."""

NEAREST = {
    "ddn_l2": "l2",
    "cw_l2": "l2",
    "cw_linf": "linf",
    "cw_l0": "l0",
    "ead_l1": "l1",
}
"""Attacks whose distances make a curve of robust accuracy over ε, and in which norm."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """An attack and its goal. targeted: at a random other class per sample. label: what tables call it, in place of
    the attack's own name, where one is tried with several settings."""

    __pydantic_config__: ClassVar[dict[str, Any]] = {"extra": "forbid"}

    attack: AttackConfig
    targeted: bool = False
    label: str = ""

    @property
    def name(self) -> str:
        return self.label or self.attack.name + ("_targeted" if self.targeted else "")

    @property
    def norm(self) -> str | None:
        """The norm in which the attack looks for the nearest adversarial image; None where it has a budget instead."""
        return NEAREST.get(self.attack.name)
