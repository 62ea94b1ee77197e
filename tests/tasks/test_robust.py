"""What tables of attacked samples say: worst cases are minima per sample, and only near images count."""

import numpy as np
import pytest
import torch

from storage.attack_rows import SCHEMA, publish_attack_rows, read_attack_rows
from tasks.robustness.attack_metrics import Budgets, attacked_models, distances

BUDGETS = Budgets(linf=0.1, l2=1.0, l1=10.0, l0=5)
FAR = {"l0": 50, "l1": 50.0, "l2": 5.0, "linf": 0.5}
NEAR = {"linf": 0.1}


def row(attack, sample, *, success, model="undefended", member=0, clean=0, **distance):
    usual = dict.fromkeys(SCHEMA.names, 0) | {"parameters": "p", "image_sha256": "h", "picture": None, "target": -1}
    found = FAR | distance if success else {"l0": 0, "l1": 0.0, "l2": 0.0, "linf": 0.0}
    named = {"model": model, "member": member, "attack": attack, "sample": sample, "success": success}
    return (
        usual | found | named | {"label": 0, "clean_prediction": clean, "seconds": 0.5, "forwards": 4, "backwards": 2}
    )


@pytest.fixture
def table(tmp_path):
    def write(*rows):
        columns = {name: [each[name] for each in rows] for name in SCHEMA.names}
        return read_attack_rows([publish_attack_rows(tmp_path / "block.parquet", columns).path])

    return write


def test_the_worst_case_is_the_mean_of_minima(table):
    """Two attacks that break half of the samples each, and not the same half, leave nothing."""
    rows = [row("pgd_linf", s, success=s < 2, **NEAR) for s in range(4)]
    rows += [row("square_linf", s, success=s >= 2, **NEAR) for s in range(4)]
    model = attacked_models(table(*rows), BUDGETS)["undefended"]
    assert [each["robust_accuracy"] for each in model["attacks"].values()] == [0.5, 0.5]
    assert model["worst_case_accuracy"] == model["worst_case"]["linf"] == 0
    assert model["worst_case"]["l2"] == model["worst_case"]["l0"] == 1
    assert (model["clean_accuracy"], model["members"]) == (1, 1)


def test_an_image_beyond_every_budget_counts_for_its_attack_alone(table):
    rows = [row("cw_l2", s, success=True, l2=[0.5, 1.0 + 1e-8, 1.1, 3.0][s]) for s in range(4)]
    model = attacked_models(table(*rows), BUDGETS)["undefended"]
    attack = model["attacks"]["cw_l2"]
    assert (attack["success"], attack["robust_accuracy"]) == (1, 0)
    assert attack["robust_accuracy_within_budgets"] == model["worst_case"]["l2"] == 0.5
    assert attack["mean_l2"] == pytest.approx((0.5 + 1 + 1.1 + 3) / 4)


@pytest.mark.parametrize("epsilon", [1 / 255, 2 / 255, 4 / 255, 8 / 255])
def test_an_attack_at_its_budget_is_within_it(table, epsilon):
    """x ± ε in float32 is not always as near as ε."""
    draw = torch.Generator().manual_seed(0)
    x = torch.randint(256, (200, 3, 8, 8), generator=draw).float() / 255
    moved = (x + epsilon * (2.0 * torch.randint(2, x.shape, generator=draw) - 1)).clamp(0, 1)
    far = (moved - x).flatten(1).double().abs().amax(1)
    assert far.max() > epsilon
    rows = [row("fgsm_linf", s, success=True, linf=float(far[s])) for s in range(200)]
    budgets = Budgets(linf=epsilon, l2=0.0, l1=0.0, l0=0)
    assert attacked_models(table(*rows), budgets)["undefended"]["worst_case"]["linf"] == 0


def test_what_is_wrong_to_begin_with_is_nobodys_success(table):
    rows = [row("pgd_linf", s, success=s < 2, clean=int(s == 0), **NEAR) for s in range(4)]
    model = attacked_models(table(*rows), BUDGETS)["undefended"]
    attack = model["attacks"]["pgd_linf"]
    assert model["clean_accuracy"] == 0.75
    assert attack["success"] == pytest.approx(1 / 3)
    assert attack["robust_accuracy"] == model["worst_case_accuracy"] == 0.5
    assert (attack["n"], attack["forwards"], attack["backwards"], attack["seconds"]) == (4, 4, 2, 2.0)


def test_an_attack_without_success_has_no_distance(table):
    attack = attacked_models(table(row("jsma_f", 0, success=False)), BUDGETS)["undefended"]["attacks"]["jsma_f"]
    assert attack["mean_l0"] is attack["mean_linf"] is None


def test_members_are_told_apart(table):
    rows = [row("pgd_linf", s, success=s < m, model="generated", member=m, **NEAR) for m in range(3) for s in range(4)]
    model = attacked_models(table(*rows), BUDGETS)["generated"]
    assert model["members"] == 3
    assert model["attacks"]["pgd_linf"]["per_member"]["accuracies"] == [1.0, 0.75, 0.5]
    assert model["worst_case_accuracy"] == 0.75


def test_distances_are_those_of_a_curve(table):
    rows = [row("fmn_l2", s, success=s != 1, clean=int(s == 2), l2=1.0 + s) for s in range(4)]
    found = distances(table(*rows, row("pgd_linf", 0, success=True)), {"fmn_l2": "l2", "absent": "l1"})
    assert found == {"undefended": {"fmn_l2": [0.0, 1.0, 4.0, None]}}


def test_the_worst_case_is_that_of_a_plain_loop(table):
    rng = np.random.default_rng(0)
    rows = [
        row(
            attack,
            s,
            success=bool(rng.random() < 0.4),
            clean=int(s % 7 == 0),
            linf=rng.random() / 5,
            l2=2 * rng.random(),
        )
        for attack in ("a", "b", "c")
        for s in range(50)
    ]
    alive = 0
    for sample in range(50):
        own = [each for each in rows if each["sample"] == sample]
        lost = any(each["success"] and (each["linf"] <= 0.1 or each["l2"] <= 1.0) for each in own)
        alive += own[0]["clean_prediction"] == 0 and not lost
    assert attacked_models(table(*rows), BUDGETS)["undefended"]["worst_case_accuracy"] == alive / 50
