"""Which methods of a study differ from another in one thing only: the losses that they lower."""

import dataclasses
from collections.abc import Mapping
from typing import Any

from methods.protection.objective import Losses
from methods.protection.runtime_pgd import RuntimePgd
from tasks.protection.protect import Trial
from tasks.runtime.run import plain


def alternatives(trials: Mapping[str, Trial]) -> dict[str, dict[str, Any]]:
    """Of sign steps that lower other losses, the usual ones at the same ε, `than`, and what differs: the weight of
    hiding, or that the search went through `distortions`.
    """
    steps = {name: trial.method for name, trial in trials.items() if isinstance(trial.method, RuntimePgd)}
    usual = {
        dataclasses.replace(method, losses=Losses(expansion=method.losses.expansion)): name
        for name, method in steps.items()
        if method.losses == Losses(expansion=method.losses.expansion)
    }
    found: dict[str, dict[str, Any]] = {}
    for name, method in steps.items():
        losses = method.losses
        than = usual.get(dataclasses.replace(method, losses=Losses(expansion=losses.expansion)))
        if than not in (None, name):
            told = {"hide_weight": losses.hide_weight, "distortions": plain(losses.distortions)}
            found[name] = {"than": than, "usual_hide_weight": Losses().hide_weight, **told}
    return found
