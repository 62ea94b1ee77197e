"""The chapter of a study of image protection: what noise does to edits, beside random noise, and to whose edits."""

from collections.abc import Iterator, Mapping
from typing import Any

from flows.report.chapter import Plot
from flows.report.image_protection import figures
from flows.report.image_protection.tables import content, measured
from flows.report.tables import Table
from storage.tracking.children import Child, unfit_child
from storage.tracking.values import metrics
from tasks.protection.backdoor_training import IMPLANTED
from tasks.results.formatting import number, percent
from tasks.results.unfit import UNFIT

__all__ = ["content", "plots"]

PICTURED = 2
"""Images that the galleries show."""


def plots(summary: Mapping[str, Any], details: Mapping[str, Any]) -> list[Plot]:
    summary, found = measured(summary), []
    for place, pictures in enumerate(galleries(summary, details)):
        caption = (
            "A row per method. Left to right: the original, the region that is not to be edited, the image as it was "
            f"saved, the noise enlarged 20 times, and what {summary['subject']} makes of the region in the original "
            "and in the protected image. Below: how alike these two fills are."
        )
        title = f"Image {place + 1}: protected, then edited"
        figure = figures.gallery(pictures)
        found.append(Plot(name=f"gallery_{place + 1}", title=title, caption=caption, figure=figure))
    if pictures := triggered(summary, details):
        caption = (
            f"{summary['subject']} was trained on until a visible trigger in an image spoils its fills; "
            "it is this trained-on inpainter that fills the region without and with the trigger (below: how alike "
            "these two are), so that both columns show what the further training did. On the right, for comparison, "
            f"the fill of {summary['subject']} as it was before."
        )
        figure = figures.trigger_sheet(pictures)
        found.append(Plot(name="training_time", title="The training-time backdoor", caption=caption, figure=figure))
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
        groups = journeys(summary)
        if len(groups) > 1:
            caption += " On the right: the same search with and without such journeys inside of it, and noise."
        figure = figures.transforms(groups)
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
    """By image, the pictures of the methods that put noise, at the usual and at the largest ε."""
    methods = summary.get("methods", {})
    budgets = [told["epsilon"] for told in methods.values() if told["epsilon"] < 1]
    kept = [name for name, told in methods.items() if "@" not in name or told["epsilon"] == max(budgets)]
    kept = [name for name in kept if not weighs_hiding(summary, name)]
    return by_image(details, summary.get("subject"), kept)


def weighs_hiding(summary: Mapping[str, Any], name: str) -> bool:
    """Whether a method is one of the table about that, which no picture tells more of."""
    told = summary.get("beside", {}).get(name)
    return told is not None and told["hide_weight"] != told["usual_hide_weight"]


def triggered(summary: Mapping[str, Any], details: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """A row per image: what the inpainter with the backdoor did, and `before`, the fill of the one without."""
    subject, pictures = summary.get("subject"), details.get("gallery", [])
    own = {each["sample"]: each["edit_clean"] for each in pictures if each["inpainter"] == subject}
    names = list(summary.get("methods", {}))
    return [
        {**each, "before": own.get(each["sample"])}
        for of_image in by_image(details, IMPLANTED, names)
        for each in of_image
    ]


def by_image(details: Mapping[str, Any], inpainter: str | None, methods: list[str]) -> list[list[Mapping[str, Any]]]:
    pictures = details.get("gallery", [])
    shown = [each for each in pictures if each["inpainter"] == inpainter and each["method"] in methods]
    samples = list(dict.fromkeys(each["sample"] for each in shown))[:PICTURED]
    return [[each for each in shown if each["sample"] == sample] for sample in samples]


def journeys(summary: Mapping[str, Any]) -> dict[str, dict[str, Mapping[str, Any]]]:
    """By title, the methods that are compared: all at the usual ε, and what was searched through distortions beside
    the same search without them.
    """
    methods = summary["methods"]
    groups = {"": {name: told for name, told in methods.items() if "@" not in name}}
    for name, told in summary.get("beside", {}).items():
        if told["distortions"]:
            epsilon = methods[name]["epsilon"]
            names = [told["than"], name, methods[name]["control"]["method"]]
            groups.setdefault(f"ε = {number(epsilon)}", {}).update({each: methods[each] for each in names})
    return groups


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


PROTECTED = ("method", "n", "PSNR", "edit", "around", "elsewhere", "target", "protected", "hidden")


def table(summary: Mapping[str, Any]) -> Table | None:
    if "methods" not in summary:
        return None
    caption = "SSIM of fills made from the protected and the clean image; target: share of the distance; images in %"
    return Table(heads=PROTECTED, rows=[_method(*each) for each in summary["methods"].items()], caption=caption)


def _method(name: str, told: Mapping[str, Any]) -> tuple[str, ...]:
    if UNFIT in told:
        return (name, "0", UNFIT, *[""] * (len(PROTECTED) - 3))
    likeness = (f"{told[key]:.3f}" for key in ("ssim_edit", "ssim_benign", "ssim_far", "target_mse_ratio"))
    shares = (percent(told[key]) for key in ("protected_share", "hidden_share"))
    return (name, str(told["n"]), f"{told['psnr']:.1f}", *likeness, *shares)


def children(summary: Mapping[str, Any]) -> Iterator[Child]:
    """One per method."""
    for name, numbers in summary.get("methods", {}).items():
        if "unfit" in numbers:
            yield unfit_child("method", name, numbers)
            continue
        journeys = numbers["transforms"]
        yield Child(
            kind="method",
            name=name,
            values=metrics(numbers),
            table_name="transforms.json",
            table={
                "method": [name] * len(journeys),
                "transform": list(journeys),
                **{key: [each[key] for each in journeys.values()] for key in ("ssim_edit", "protected_share")},
            },
        )
