import dataclasses

import pytest

from methods.audit.verdict import LADDER, Evidence, verdict

NAN = float("nan")
HONEST = Evidence(replica_rate=0.0, z=0.0, z_gaussian=0.0, dispersion=1.0, gain=(0.01, 0.02), lead=(0.001, 0.003))


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({}, "pass"),
        ({"lead": (-0.001, 0.002)}, "equivalent to averaging"),
        ({"lead": (-0.01, -0.002)}, "below baselines"),
        ({"gain": (-0.001, 0.02)}, "noise"),
        ({"dispersion": 1.3}, "noise"),
        ({"dispersion": 0.7}, "collapsed"),
        ({"dispersion": 0.0, "z": None}, "collapsed"),
        ({"replica_rate": 0.06}, "replicas"),
        ({"z": -5.0}, "replicas"),
        ({"z": -5.0, "z_gaussian": -4.0}, "pass"),
        ({"z": None}, "pass"),
        ({"lead": (0.0, 0.0)}, "equivalent to averaging"),
        ({"dispersion": NAN}, "undetermined"),
        ({"replica_rate": NAN}, "undetermined"),
        ({"lead": (NAN, NAN)}, "undetermined"),
        ({"gain": (NAN, 0.1)}, "undetermined"),
        ({"z": NAN}, "undetermined"),
        ({"dispersion": 0.0, "gain": (NAN, NAN), "lead": (NAN, NAN)}, "collapsed"),
    ],
)
def test_each_rung(change, expected):
    assert verdict(dataclasses.replace(HONEST, **change)) == expected


def test_the_first_that_applies_is_said():
    worst = {"replica_rate": 1.0, "dispersion": 0.1, "gain": (-1.0, 0.0), "lead": (-1.0, -0.5)}
    said = []
    for cured in (None, *worst):
        if cured:
            worst[cured] = getattr(HONEST, cured)
        said.append(verdict(dataclasses.replace(HONEST, **worst)))
    assert said == ["replicas", "collapsed", "noise", "below baselines", "pass"]
    assert [each for each in LADDER if each in said] == said
