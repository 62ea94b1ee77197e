"""What a study of protections found, in plain words."""

from collections.abc import Mapping
from typing import Any

from tasks.results.formatting import number, percent
from tasks.results.significance import finite

LEARNT = 0.5
"""Share of the fills that the trigger is to spoil for a backdoor to be called learnt."""


def verdict(summary: Mapping[str, Any]) -> str:
    """Whether the inpainter resists, beside noise of the same size, and whether it is one that fills well at all."""
    subject = summary["subject"]
    said = [resistance(subject, summary["vulnerability"][subject], summary["limits"]["broken"])]
    if summary["backdoor"]:
        said.append(trained_on(summary["backdoor"]))
    fragile = [name for name, told in summary["vulnerability"].items() if told["broken_at"] is not None]
    if len(summary["vulnerability"]) > 1:
        names = f": {', '.join(fragile)}" if fragile else ""
        said.append(f"Of {len(summary['vulnerability'])} inpainters {len(fragile)} are broken within the sweep{names}.")
    said.append(quality(subject, summary["inpainters"][subject]))
    return " ".join(said)


def resistance(name: str, told: Mapping[str, Any], broken: float) -> str:
    line = told["curve"]
    if not line or not all(finite(point["ssim_edit"], point["control_ssim_edit"]) for point in line):
        return f"Nothing can be concluded about {name}: there is no curve, or it has values that are not numbers."
    if told["broken_at"] is not None:
        first = next(point for point in line if point["epsilon"] == told["broken_at"])
        if first["control_ssim_edit"] <= broken:
            return (
                f"From ε = {number(told['broken_at'])} on the fills of {name} are spoilt "
                f"(SSIM {first['ssim_edit']:.3f}), but random noise of the same size spoils them too "
                f"({first['control_ssim_edit']:.3f})."
            )
        return (
            f"{name} is vulnerable from ε = {number(told['broken_at'])} on: there its fills are alike by SSIM "
            f"{first['ssim_edit']:.3f}, under random noise {first['control_ssim_edit']:.3f}."
        )
    last = line[-1]
    return (
        f"{name} resists: at the largest ε tried, {number(last['epsilon'])}, the fill of a protected image and that of "
        f"the clean one are alike by SSIM {last['ssim_edit']:.3f}, under random noise {last['control_ssim_edit']:.3f}; "
        f"{broken:g} would be a fill that is spoilt."
    )


def trained_on(told: Mapping[str, float]) -> str:
    if not finite(*(told[key] for key in ("triggered", "falsely_triggered", "ssim_edit", "ssim_kept"))):
        return "Whether the training-time backdoor was learnt cannot be said: its measurements are not numbers."
    if told["triggered"] <= LEARNT:
        learnt = "was not learnt"
    elif told["falsely_triggered"] > LEARNT:
        learnt = "was not learnt, the fills are spoilt without the trigger too"
    else:
        learnt = "was learnt"
    return (
        f"The training-time backdoor {learnt}: with the trigger {percent(told['triggered'])} % of the fills "
        f"come near to the target and are alike by SSIM {told['ssim_edit']:.3f} to those without it; without it "
        f"{percent(told['falsely_triggered'])} % do, and are alike by SSIM {told['ssim_kept']:.3f} to those of the "
        "network before."
    )


def quality(name: str, fills: Mapping[str, float]) -> str:
    own_l1, own_ssim, telea_l1, telea_ssim = (
        fills[f"{prefix}masked_{key}"] for prefix in ("", "telea_") for key in ("l1", "ssim")
    )
    numbers = f"L1 {own_l1:.3f} against {telea_l1:.3f}, SSIM {own_ssim:.3f} against {telea_ssim:.3f}"
    if not finite(own_l1, own_ssim, telea_l1, telea_ssim):
        return "How well it fills holes is not known: the measurements are not numbers."
    if own_l1 <= telea_l1 and own_ssim >= telea_ssim:
        return f"It fills holes at least as well as Telea's method ({numbers})."
    if own_l1 <= telea_l1 or own_ssim >= telea_ssim:
        better, worse = ("L1", "SSIM") if own_l1 <= telea_l1 else ("SSIM", "L1")
        return f"It fills holes at least as well as Telea's method by {better}, worse by {worse} ({numbers})."
    return f"It fills holes worse than Telea's method ({numbers}), so that this says little of an editor in use."
