"""What `weightsmith nights` is asked for, checked before anything starts."""

import dataclasses
from collections.abc import Mapping, Sequence
from datetime import date, timedelta

from flows.studies import STUDIES, resolve, spec_of
from methods.errors import BadSetting

FITS = "parameter_diffusion"
"""The study that fits generators."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Nights:
    """Which nights to try. studies: all that take part in the nightly where empty. settings: changes by study, as in
    `nightly`. fits_only, keep: as in `Night`.
    """

    first: date
    count: int
    preset: str = "digits"
    studies: tuple[str, ...] = ()
    settings: Mapping[str, Sequence[str]] = dataclasses.field(default_factory=dict)
    fits_only: bool = False
    keep: bool = False

    @property
    def chosen(self) -> tuple[str, ...]:
        """Names of the studies that run."""
        return self.studies or ((FITS,) if self.fits_only else taking_part(self.preset))

    @property
    def dates(self) -> list[date]:
        """Raises `BadSetting` where the calendar ends before."""
        try:
            return [self.first + timedelta(days=day) for day in range(self.count)]
        except OverflowError:
            raise BadSetting(
                problem=f"--from {self.first} --count {self.count} goes beyond the year 9999",
                remedy="begin earlier, or try fewer nights",
            ) from None

    def check(self) -> None:
        """Raises `BadSetting` for what cannot run."""
        if self.count < 1:
            raise BadSetting(problem=f"--count {self.count} tries no night", remedy="write 1 or more")
        _ = self.dates
        for name in (*self.studies, *self.settings):
            spec_of(name)
        nightly = taking_part(self.preset)
        for name in self.chosen:
            if name not in nightly:
                resolve(name, self.preset)
                raise BadSetting(
                    problem=f"--study {name}: it takes no part in the nightly with preset {self.preset!r}",
                    remedy="allowed: " + ", ".join(nightly),
                )
            resolve(name, self.preset, self.settings.get(name, ()))
        for name in self.settings:
            if name not in self.chosen:
                raise BadSetting(
                    problem=f"--set changes {name}, which is not among the studies that run",
                    remedy=f"add --study {name}",
                )
        if self.fits_only and self.chosen != (FITS,):
            raise BadSetting(
                problem=f"--fits-only is for the study {FITS} alone, not for {', '.join(self.chosen)}",
                remedy=f"write --study {FITS} --fits-only",
            )


def taking_part(preset: str) -> tuple[str, ...]:
    """The studies of the nightly that have this preset. Raises `BadSetting` where none has it."""
    nightly = [name for name, kind in STUDIES.items() if kind.configuration.networks_a_night]
    found = tuple(name for name in nightly if preset in STUDIES[name].preset_functions())
    if not found:
        resolve(nightly[0], preset)  # says which presets there are
    return found


def parse_date(text: str) -> date:
    """A date as `2027-01-31`. Raises `BadSetting`."""
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise BadSetting(problem=f"--from {text!r} is not a date", remedy="write YYYY-MM-DD, as 2027-01-31") from None


def by_study(changes: Sequence[str]) -> dict[str, list[str]]:
    """`STUDY.path.to.field=value` by study. Raises `BadSetting`."""
    settings: dict[str, list[str]] = {}
    for change in changes:
        study, dot, rest = change.partition(".")
        if not dot or "=" in study:
            raise BadSetting(
                problem=f"--set {change!r} names no study",
                remedy="write --set STUDY.path.to.field=value, as parameter_diffusion.samples=50",
            )
        spec_of(study)
        settings.setdefault(study, []).append(rest)
    return settings
