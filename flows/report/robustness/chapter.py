"""The chapter of a robustness study: a leaderboard, what each attack does to each network, and who only hides."""

from collections.abc import Iterator, Mapping
from typing import Any

from flows.report.chapter import Plot
from flows.report.robustness import figures as robustness_figures
from flows.report.tables import Table
from methods.evaluation.distribution import difference
from storage.tracking.children import Child
from storage.tracking.values import metrics
from tasks.results.formatting import duration, interval, number, percent, signed
from tasks.results.unfit import UNFIT
from tasks.robustness.attack_verdict import ranked, standing
from tasks.robustness.models_under_test import SIBLINGS

MARKS = {"honest": "good", "masked": "bad", "not trained": "bad", "too few images": "plain", "": ""}
NORMS = {"linf": "L∞", "l2": "L2", "l1": "L1", "l0": "L0"}


def networks(summary: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    """The networks that all attacks were run on; siblings have a table of their own."""
    return {name: model for name, model in measured(summary).items() if name not in SIBLINGS}


def measured(summary: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    """All that have numbers."""
    return {name: model for name, model in summary.get("models", {}).items() if UNFIT not in model}


def plots(summary: Mapping[str, Any], details: Mapping[str, Any]) -> list[Plot]:
    found = []
    if details.get("distances"):
        caption = (
            "Share of images that are still classified correctly when every adversarial image up to the distance ε "
            "counts, from one run of the attack that looks for the nearest one. Dotted: the budget of the worst case."
        )
        figure = robustness_figures.curves(details["distances"], details["norms"], summary["budgets"])
        found.append(Plot(name="curves", title="Robust accuracy over ε", caption=caption, figure=figure))
    if "generated" in measured(summary):
        caption = "Robust accuracy of each model: generated, collected (what it was learned from), and their mean."
        figure = robustness_figures.siblings({name: summary["models"][name] for name in SIBLINGS})
        found.append(Plot(name="siblings", title="Are generated models as robust?", caption=caption, figure=figure))
    for name, story in details.get("tutorial", {}).get("stories", {}).items():
        caption = (
            f"Original, what {len(story['lines'])} looks at a plain gradient descent end with, and 50 × the difference."
        )
        figure = robustness_figures.tutorial(story)
        found.append(Plot(name=f"tutorial_{name}", title=f"Tutorial, {name}", caption=caption, figure=figure))
    for name in networks(summary):
        attacked = [each for each in details.get("pictures", {}).get("attacked", []) if each["model"] == name]
        if attacked:
            caption = (
                "For each sample the original, the adversarial image, and their difference, enlarged until its largest "
                "value is visible. Below: the label, and what the network says; grey where the attack failed."
            )
            figure = robustness_figures.gallery(details["pictures"], attacked)
            found.append(
                Plot(name=f"gallery_{name}", title=f"Adversarial images, {name}", caption=caption, figure=figure)
            )
    return found


def content(summary: Mapping[str, Any]) -> dict[str, Any]:
    models = measured(summary)
    order = [(name, models[name]) for name in ranked(networks(summary))]
    return {
        "leaderboard": [_leader(name, model) for name, model in order],
        "budgets": {NORMS[norm]: number(budget) for norm, budget in summary.get("budgets", {}).items()},
        "attacks": {name: [_attack(*each) for each in model["attacks"].items()] for name, model in order},
        "masking": {name: _masking(model["masking"]) for name, model in order if model.get("masking")},
        "siblings": _siblings({name: models[name] for name in SIBLINGS if name in models}),
    }


def _leader(name: str, model: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "name": name,
        "clean": percent(model["clean_accuracy"]),
        "worst": percent(model["worst_case_accuracy"]),
        "norms": [percent(model["worst_case"][norm]) for norm in NORMS],
        "standing": standing(model),
        "mark": MARKS[standing(model)],
    }


def _attack(name: str, attack: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "name": name,
        "success": percent(attack["success"]),
        "robust": percent(attack["robust_accuracy"]),
        "within": percent(attack["robust_accuracy_within_budgets"]),
        "distances": [_distance(attack[f"mean_{norm}"]) for norm in NORMS],
        "backwards": f"{attack['backwards']:.0f}",
        "forwards": f"{attack['forwards']:.0f}",
        "seconds": duration(attack["seconds"]),
    }


def _distance(value: float | None) -> str:
    return "–" if value is None else number(value)


def _masking(masking: Mapping[str, Any]) -> dict[str, Any]:
    numbers = {name: value for name, value in masking.items() if isinstance(value, float)}
    return {"verdict": masking["verdict"], "numbers": numbers}


def _siblings(models: Mapping[str, Mapping[str, Any]]) -> list[dict[str, Any]]:
    """One row per attack: every sibling's mean, and generated minus collected with its interval."""
    if "collected" not in models:
        return []
    rows = []
    for attack in models["collected"]["attacks"]:
        means = {name: model["attacks"][attack]["robust_accuracy"] for name, model in models.items()}
        each = [model["attacks"][attack].get("per_member", {}).get("accuracies") for model in models.values()][:2]
        row = {"name": attack, "generated": UNFIT, **{name: percent(mean) for name, mean in means.items()}}
        row |= {"gap": "", "ends": ""}
        if "generated" in models and all(each):
            gap = difference(*each)
            row |= {"gap": signed(gap["difference"]), "ends": interval(gap["ci95"], signed)}
        rows.append(row)
    return rows


ATTACKED = ("network", "clean", "worst case", "L∞", "L2", "L1", "L0", "gradients")


def table(summary: Mapping[str, Any]) -> Table | None:
    models = summary.get("models")
    if not models:
        return None
    rows = [_model(name, models[name]) for name in ranked(models) if name not in SIBLINGS]
    return Table(heads=ATTACKED, rows=rows, caption="accuracy in %, worst case within the budgets")


def _model(name: str, model: Mapping[str, Any]) -> tuple[str, ...]:
    if UNFIT in model:
        return (name, UNFIT, *[""] * (len(ATTACKED) - 2))
    norms = (percent(model["worst_case"][norm]) for norm in ("linf", "l2", "l1", "l0"))
    return (name, percent(model["clean_accuracy"]), percent(model["worst_case_accuracy"]), *norms, standing(model))


def children(summary: Mapping[str, Any]) -> Iterator[Child]:
    """One per attack, with what it did to each of the networks."""
    found: dict[str, dict[str, Mapping[str, Any]]] = {}
    for model, told in summary.get("models", {}).items():
        for attack, numbers in told.get("attacks", {}).items():
            found.setdefault(attack, {})[model] = numbers
    for name, models in found.items():
        keys = list(dict.fromkeys(key for numbers in models.values() for key in numbers if key != "per_member"))
        yield Child(
            kind="attack",
            name=name,
            values=[each for model, numbers in models.items() for each in metrics(numbers, f"{model}/")],
            table_name="models.json",
            table={"model": list(models), **{key: [each.get(key) for each in models.values()] for key in keys}},
        )
