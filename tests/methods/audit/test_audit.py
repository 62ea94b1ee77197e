"""The whole audit where the answer is known: a classifier whose accuracy is a function of how its row was made.

Rows are draws around a centre; a model errs on an image if its row, projected on the image's own direction, is far from
the centre. So noise costs accuracy, the mean is best, and copies err exactly as their originals do.
"""

import pytest
import torch

from methods.audit.audit import Models, Roles, audit_network

WIDTH, IMAGES = 300, 600
LIMIT = 1.9


def normal(*shape, seed):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


DIRECTIONS = normal(WIDTH, IMAGES, seed=100) / WIDTH**0.5


def models(rows):
    return Models(rows, (rows @ DIRECTIONS).abs() < LIMIT, 0.0)


TRAIN, HELD_OUT = normal(100, WIDTH, seed=0), normal(40, WIDTH, seed=1)
MEAN = TRAIN.mean(0, keepdim=True)


def sets():
    chosen = torch.stack(
        [torch.randperm(100, generator=torch.Generator().manual_seed(seed))[:16] for seed in range(60)]
    )
    return {
        "mean": MEAN,
        "average_of_16": TRAIN[chosen].mean(1),
        "gaussian": MEAN + TRAIN.std(0) * normal(60, WIDTH, seed=2),
        "noise_0.05": TRAIN[:60] + 0.05 * normal(60, WIDTH, seed=3),
        "noise_2": TRAIN[:60] + 2.0 * normal(60, WIDTH, seed=4),
        "copies": TRAIN[20:80],
        "memorising": TRAIN[20:80] + 0.1 * normal(60, WIDTH, seed=5),
        "honest": normal(60, WIDTH, seed=6),
        "narrow": MEAN + 0.5 * normal(60, WIDTH, seed=7),
        "many means": MEAN + 1e-4 * normal(60, WIDTH, seed=8),
        "wide": 1.5 * normal(60, WIDTH, seed=9),
    }


ROLES = Roles(averages=["mean", "average_of_16"], gaussian="gaussian", noises=["noise_0.05", "noise_2"])


@pytest.fixture(scope="module")
def found():
    generated = {name: models(rows) for name, rows in sets().items()}
    return audit_network(models(TRAIN), models(HELD_OUT), generated, ROLES, seed=0)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("copies", "replicas"),
        ("memorising", "replicas"),
        ("noise_0.05", "replicas"),
        ("mean", "collapsed"),
        ("many means", "collapsed"),
        ("average_of_16", "collapsed"),
        ("narrow", "collapsed"),
        ("noise_2", "noise"),
        ("wide", "noise"),
        # as accurate as rows are, no copies: honest, but averaging is better here
        ("honest", "below baselines"),
    ],
)
def test_known_answers(found, name, expected):
    assert found[name]["verdict"] == expected


def test_an_honest_sampler_looks_like_held_out_rows(found):
    honest, control = found["honest"], found["held_out"]
    for key in ("nn_distance_ratio", "dispersion", "mean_hugging", "hull_residual"):
        assert honest[key] == pytest.approx(control[key], rel=0.1), key
    assert abs(honest["z_u"]) < 3
    assert honest["iou"]["max"] == pytest.approx(control["iou"]["max"], abs=0.05)


def test_a_sampler_better_than_averaging_passes(found):
    """Draws of the right spread that err only where nothing else can help: on the images of the mean's own errors."""
    generated = {name: models(rows) for name, rows in sets().items()}
    mean_right = generated["mean"].right
    generated["mean"] = Models(MEAN, mean_right & (torch.arange(IMAGES) % 5 > 0), 0.0)
    generated["average_of_16"] = generated["gaussian"]
    rows = normal(60, WIDTH, seed=6)
    hits = torch.rand(60, IMAGES, generator=torch.Generator().manual_seed(7)) < 0.97
    generated["honest"] = Models(rows, hits, 0.0)
    judged = audit_network(models(TRAIN), models(HELD_OUT), generated, ROLES, seed=0)
    assert judged["honest"]["verdict"] == "pass"


def test_copies_err_as_their_originals_do(found):
    assert found["copies"]["iou"]["max"] == 1
    assert found["copies"]["nn_distance_ratio"] == pytest.approx(0, abs=1e-4)
    assert found["copies"]["hull_residual"] == 0


def test_noise_gains_nothing_over_itself(found):
    for name in ROLES.noises:
        assert found[name]["gain_at_matched_novelty"] == pytest.approx(0, abs=1e-9)


def test_every_number_is_finite_or_openly_unknown(found):
    def leaves(value):
        return [leaf for each in value.values() for leaf in leaves(each)] if isinstance(value, dict) else [value]

    numbers = [leaf for leaf in leaves(dict(found)) if isinstance(leaf, float)]
    assert numbers
    assert all(torch.isfinite(torch.tensor(number)) for number in numbers)
