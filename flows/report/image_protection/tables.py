"""The tables of a study of image protection, as text."""

from collections.abc import Mapping
from typing import Any

from tasks.protection.backdoor_training import IMPLANTED
from tasks.results.formatting import interval, number, percent
from tasks.results.unfit import UNFIT


def measured(summary: Mapping[str, Any]) -> Mapping[str, Any]:
    """The summary without the methods and inpainters that are unfit."""
    kept = {
        key: {name: told for name, told in summary[key].items() if UNFIT not in told}
        for key in ("methods", "inpainters")
        if key in summary
    }
    return {**summary, **kept}


def content(summary: Mapping[str, Any]) -> dict[str, Any]:
    summary = measured(summary)
    return {
        "methods": [method(name, told) for name, told in summary.get("methods", {}).items()],
        "implanted": IMPLANTED in summary.get("inpainters", {}),
        "backdoor": backdoor(summary.get("backdoor", {})),
        "hiding": hiding(summary),
        "inpainters": [inpainter(name, summary) for name in summary.get("inpainters", {})],
    }


def method(name: str, told: Mapping[str, Any]) -> dict[str, Any]:
    control = told["control"] or {}
    times = control.get("effect_ratio")
    return {
        "name": name,
        "n": told["n"],
        "epsilon": number(told["epsilon"]) if told["epsilon"] < 1 else "trigger",
        "psnr": f"{told['psnr']:.1f}",
        "edit": f"{told['ssim_edit']:.3f}",
        "others": [f"{told[key]:.3f}" for key in ("ssim_benign", "ssim_far")],
        "target": f"{told['target_mse_ratio']:.3f}",
        "protected": percent(told["protected_share"]),
        "hidden": percent(told["hidden_share"]),
        "gain": f"{control['gain']:.4f}".replace("-", "−") if control else "",
        "ends": interval(control["ci95"], lambda value: f"{value:.4f}".replace("-", "−")) if control else "",
        "times": "" if times is None else f"{times:.1f}",
        "seconds": f"{told['seconds_per_image']:.2f}",
    }


def hiding(summary: Mapping[str, Any]) -> list[dict[str, Any]]:
    """A row for each weight of the third loss, the usual one among them, by ascending weight."""
    methods, weights = summary.get("methods", {}), dict[str, float]()
    for name, told in summary.get("beside", {}).items():
        if told["hide_weight"] != told["usual_hide_weight"]:
            weights |= {told["than"]: told["usual_hide_weight"], name: told["hide_weight"]}
    keys = ("ssim_edit", "ssim_benign", "ssim_far")
    return [
        {"weight": f"{weight:g}", "epsilon": number(methods[name]["epsilon"]), "n": methods[name]["n"]}
        | {
            "similarities": [f"{methods[name][key]:.3f}" for key in keys],
            "hidden": percent(methods[name]["hidden_share"]),
        }
        for name, weight in sorted(weights.items(), key=lambda item: item[1])
    ]


def backdoor(told: Mapping[str, float]) -> list[dict[str, Any]]:
    """A row for the fills with the trigger, and one for those without."""
    if not told:
        return []
    rows = (
        ("with the trigger", "triggered", "ssim_edit", "target_mse_triggered"),
        ("without it", "falsely_triggered", "ssim_kept", "target_mse_clean"),
    )
    return [
        {
            "name": name,
            "n": told["n"],
            "spoilt": percent(told[share]),
            "alike": f"{told[alike]:.3f}",
            "distance": f"{told[distance]:.3f}",
        }
        for name, share, alike, distance in rows
    ]


def inpainter(name: str, summary: Mapping[str, Any]) -> dict[str, Any]:
    fills, told = summary["inpainters"][name], summary["vulnerability"].get(name)
    last = told["curve"][-1]["ssim_edit"] if told else None
    keys = ("masked_l1", "telea_masked_l1", "masked_ssim", "telea_masked_ssim")
    broken = "" if told is None else "not within the sweep" if told["broken_at"] is None else number(told["broken_at"])
    return {
        "name": name,
        "fills": [f"{fills[key]:.3f}" for key in keys],
        "last": "" if last is None else f"{last:.3f}",
        "broken": broken,
    }
