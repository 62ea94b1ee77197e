"""What a study of attacks found: which networks are trained, which rely on gradient masking, and which are robust."""

from collections.abc import Mapping
from typing import Any, Literal

from methods.attacks.masking import TOO_FEW
from methods.evaluation.distribution import difference
from tasks.results.significance import best, direction, finite, listed, share
from tasks.results.unfit import UNFIT
from tasks.robustness.models_under_test import COLLECTED, GENERATED

Model = Mapping[str, Any]
Standing = Literal["not trained", "masked", "honest", "too few images", ""]


def is_trained(model: Model) -> bool:
    """Above chance on the attacked images; summaries of before this was tested do not say."""
    return bool(model.get("trained", True))


def standing(model: Model) -> Standing:
    """What can be said about a network's gradients; empty where they were not diagnosed."""
    if not is_trained(model):
        return "not trained"
    masking = model.get("masking")
    if not masking:
        return ""
    if masking["masked"]:
        return "masked"
    return "too few images" if masking.get("samples", TOO_FEW) < TOO_FEW else "honest"


def ranked(models: Mapping[str, Model]) -> list[str]:
    """Names by worst-case accuracy; then those that are not trained, whatever is left of them, and the unfit ones."""

    def place(name: str) -> tuple[bool, bool, float]:
        worst = models[name].get("worst_case_accuracy")
        return (
            UNFIT in models[name],
            not is_trained(models[name]),
            -worst if worst is not None and finite(worst) else 1.0,
        )

    return sorted(models, key=place)


def verdict(models: Mapping[str, Model]) -> str:
    """Which network is left with how much, and whether generated models are as robust as collected ones."""
    judged = {name: model for name, model in models.items() if model["masking"]} or dict(models)
    order = ranked(judged)
    trained = [name for name in order if is_trained(judged[name])]
    parts = [_worst_cases(judged, trained)] if trained else []
    if idle := [f"{name} ({share(judged[name]['clean_accuracy'])})" for name in order if name not in trained]:
        verb = "is" if len(idle) == 1 else "are"
        parts.append(f"{listed(idle)} {verb} not trained: no better on clean images than naming one class")
    if not trained:
        return "Robustness cannot be judged: " + parts[0] + "."
    masked = [_masked(name, judged[name]) for name in trained if standing(judged[name]) == "masked"]
    if masked:
        parts.append(f"{listed(masked)} {'relies' if len(masked) == 1 else 'rely'} on gradient masking")
    if GENERATED in models and COLLECTED in models:
        parts.append(siblings(models[GENERATED], models[COLLECTED]))
    return "; ".join(parts) + "."


def _worst_cases(models: Mapping[str, Model], trained: list[str]) -> str:
    worst = {name: models[name]["worst_case_accuracy"] for name in trained}
    images = models[trained[0]].get("images")
    count = f" (n = {images})" if images else ""
    known = {name: value for name, value in worst.items() if finite(value)}
    if known and max(known.values()) == 0:
        return f"Under all attacks within the budgets no network keeps any of the images{count}"
    first = best(worst)
    rest = [f"{name} {share(worst[name])}" for name in trained if name not in first]
    if not first:
        return "The worst-case accuracies are not numbers"
    verb = "keeps" if len(first) == 1 else "keep"
    text = f"Under all attacks within the budgets {listed(first)} {verb} {share(worst[first[0]])} of the images{count}"
    return text + (", " + ", ".join(rest) if rest else "")


def _masked(name: str, model: Model) -> str:
    breaker = model["masking"]["broken_by"]
    return name + (f" (broken by {breaker})" if breaker else "")


def siblings(generated: Model, collected: Model) -> str:
    """Mean robust accuracy over the attacks, model by model."""
    if not (is_trained(generated) and is_trained(collected)):
        return "generated and collected models are not both trained, and are not compared"
    left, right = (_per_member(model) for model in (generated, collected))
    if min(len(left), len(right)) < 2:
        return "there are too few generated and collected models to compare them"
    gap = difference(left, right)
    points = f"{100 * abs(gap['difference']):.1f} points"
    match direction(gap["ci95"]):
        case "higher":
            return f"generated models keep {points} more than collected ones"
        case "lower":
            return f"generated models keep {points} less than collected ones"
        case _:
            low, high = (f"{100 * end:+.1f}".replace("-", "−") for end in gap["ci95"])
            return (
                "generated models keep as much as collected ones within the sampling error "
                f"(95 % interval {low} to {high} points)"
            )


def _per_member(model: Model) -> list[float]:
    """Robust accuracy of each model, a mean over its attacks; those of single models are not stored one by one."""
    each = [attack.get("per_member", {}).get("accuracies", []) for attack in model["attacks"].values()]
    if not each or not all(each):
        return []
    return [sum(values) / len(values) for values in zip(*each, strict=True)]
