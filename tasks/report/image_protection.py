"""The chapter of a study of image protection: what noise does to edits, beside random noise, and to whose edits."""

from collections.abc import Mapping
from typing import Any

from tasks.implant import IMPLANTED
from tasks.report import image_protection_figures as figures
from tasks.report.chapter import Plot
from tasks.report.words import interval, number, percent

PICTURED = 2
"""Images that the galleries show."""


def plots(summary: Mapping[str, Any], details: Mapping[str, Any]) -> list[Plot]:
    found = []
    for place, pictures in enumerate(galleries(summary, details)):
        caption = (
            "A row per method. Left to right: the original, the region that is not to be edited, the image as it was "
            "saved, the noise enlarged 20 times, and what the inpainter makes of the region in the original and in the "
            "protected image. Below: how alike these two fills are."
        )
        title = f"Image {place + 1}: protected, then edited"
        figure = figures.gallery(pictures)
        found.append(Plot(name=f"gallery_{place + 1}", title=title, caption=caption, figure=figure))
    if summary.get("vulnerability"):
        caption = (
            "How alike the fill of a protected image and that of the clean one are, by the strongest method tried at "
            "each ε; 1 means that the protection did nothing. Grey: random noise of the same size."
        )
        figure = figures.curves(summary["vulnerability"], summary["limits"]["broken"])
        found.append(Plot(name="curves", title="Edits over the size of the noise", caption=caption, figure=figure))
    methods = summary.get("methods", {})
    if any(len(told["transforms"]) > 1 for told in methods.values()):
        caption = (
            "The protected image was compressed, resized or blurred before it was edited, and so was the clean image "
            "that its edit is compared with; png: saved without loss. Lower means that the protection holds."
        )
        figure = figures.transforms({name: told for name, told in methods.items() if "@" not in name})
        found.append(Plot(name="transforms", title="What survives the way", caption=caption, figure=figure))
    if rows := matrix(summary):
        caption = (
            "Images protected by sign steps at ε = 0.025 against the inpainter of a row, edited by that of a column: "
            "how alike the fills are; 1: the protection did nothing. Last row: random noise, which changes edits too."
        )
        found.append(Plot(name="transfer", title="Other editors", caption=caption, figure=figures.transfer(rows)))
    if len(summary.get("vulnerability", {})) > 2:
        caption = (
            "To the right: fills that are more like what was there. Below: fills that the strongest method at the "
            "largest ε changes more."
        )
        figure = figures.quality(summary["vulnerability"], summary["inpainters"])
        found.append(Plot(name="quality", title="Who fills well, and who resists", caption=caption, figure=figure))
    return found


def galleries(summary: Mapping[str, Any], details: Mapping[str, Any]) -> list[list[Mapping[str, Any]]]:
    """By image, the pictures of the methods of the table, at the usual and at the largest ε."""
    methods = summary.get("methods", {})
    budgets = [told["epsilon"] for told in methods.values() if told["epsilon"] < 1]
    kept = [name for name, told in methods.items() if "@" not in name or told["epsilon"] == max(budgets)]
    mine = (summary.get("subject"), IMPLANTED)
    shown = [each for each in details.get("gallery", []) if each["inpainter"] in mine and each["method"] in kept]
    samples = list(dict.fromkeys(each["sample"] for each in shown))[:PICTURED]
    return [[each for each in shown if each["sample"] == sample] for sample in samples]


def matrix(summary: Mapping[str, Any]) -> dict[str, dict[str, float]]:
    """By inpainter that images were made against, how alike each editor's fills are."""
    if "methods" not in summary:
        return {}
    crafted = {name: (name, methods.get("runtime_pgd")) for name, methods in summary["variants"].items()}
    subject, methods = summary["subject"], summary["methods"]
    crafted = {subject: (subject, methods.get("runtime_pgd"))} | crafted
    crafted["random noise"] = (subject, methods.get("noise_control"))
    return {
        row: {name: told["ssim_edit"]} | {editor: each["ssim_edit"] for editor, each in told["transfer"].items()}
        for row, (name, told) in crafted.items()
        if told and told["transfer"]
    }


def content(summary: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "methods": [method(name, told) for name, told in summary.get("methods", {}).items()],
        "inpainters": [inpainter(name, summary) for name in summary.get("inpainters", {})],
    }


def method(name: str, told: Mapping[str, Any]) -> dict[str, Any]:
    control = told["control"] or {}
    times = control.get("effect_ratio")
    return {
        "name": name,
        "n": told["n"],
        "epsilon": number(told["epsilon"]),
        "psnr": f"{told['psnr']:.1f}",
        "similarities": [f"{told[key]:.3f}" for key in ("ssim_edit", "ssim_benign", "ssim_far")],
        "target": f"{told['target_mse_ratio']:.3f}",
        "shares": [percent(told[key]) for key in ("protected_share", "hidden_share")],
        "gain": f"{control['gain']:.4f}".replace("-", "−") if control else "",
        "ends": interval(control["ci95"], lambda value: f"{value:.4f}".replace("-", "−")) if control else "",
        "times": "" if times is None else f"{times:.1f}",
        "seconds": f"{told['seconds_per_image']:.2f}",
    }


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
