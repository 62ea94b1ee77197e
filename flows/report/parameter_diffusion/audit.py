"""The audit in the report: its table, its figures, and what they say in the run's own numbers."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from flows.report.chapter import Plot
from flows.report.parameter_diffusion import audit_figures
from tasks.results.formatting import GENERATORS, interval, percent, signed

MEANINGS = {
    "unfit": "no rows to audit, on one network or more",
    "undetermined": "numbers of the audit are not finite",
    "replicas": "near copies of stored rows",
    "collapsed": "far less spread than the rows have",
    "noise": "too much spread, or no better than noise as novel",
    "below baselines": "worse than averaging or independent normal numbers",
    "equivalent to averaging": "new, but no better than averaging",
    "pass": "new, and better than averaging, on every network",
}
HEADS = (
    "lead over averaging",
    "gain over noise",
    "spread ρ",
    "replicas, %",
    "nearest / held out",
    "Z rescaled",
    "IoU max",
    "IoU within",
    "rank ratio",
    "‖g − mean‖",
    "hull residual",
    "vote of 10",
    "Z",
)


def rows(summary: Mapping[str, Any]) -> list[tuple[str, str, tuple[str, ...]]]:
    """(name, verdict, cells as in `HEADS`), the generator first, the control of held-out rows last."""
    audits = summary.get("audit", {})
    if not audits:
        return []
    order = sorted(audits, key=lambda name: name not in GENERATORS)
    listed = [(name, audits[name]["verdict"], _cells(audits[name])) for name in order]
    return [*listed, ("held_out", "control", _cells(summary["audit_control"]))]


def _cells(audit: Mapping[str, Any]) -> tuple[str, ...]:
    if "dispersion" not in audit:  # unfit on every network
        return ("",) * len(HEADS)
    lead = audit.get("lead")
    return (
        f"{signed(lead['difference'])} ({interval(lead['ci95'], signed)})" if lead else "",
        signed(audit["gain_at_matched_novelty"]) if lead else "",
        _plain(audit["dispersion"]),
        _plain(100 * audit["replica_rate_corrected"], 0),
        _plain(audit["nn_distance_ratio"]),
        _plain(audit["z_u_rescaled"], 1),
        _plain(audit["iou"]["max"]),
        _plain(audit["iou"]["generated"]),
        _plain(audit["effective_rank_ratio"]),
        _plain(audit["mean_hugging"]),
        _plain(audit["hull_residual"]),
        signed(audit["ensemble_gain"]),
        _plain(audit["z_u"], 1),
    )


def _plain(value: float | None, digits: int = 2) -> str:
    return "" if value is None else f"{value:.{digits}f}".replace("-", "−")


def sentence(summary: Mapping[str, Any], subject: str) -> str:
    audit, control = summary["audit"][subject], summary["audit_control"]
    lead = audit["lead"]
    return (
        f"The audit says {audit['verdict']}: {MEANINGS[audit['verdict']]}. Its rows lie "
        f"{audit['nn_distance_ratio']:.2f} times as far from the nearest stored row as held-out rows do, spread "
        f"{audit['dispersion']:.2f} times as wide as the rows (held-out rows {control['dispersion']:.2f}), and their "
        f"accuracy differs from the best baseline's ({lead['over']}) by {signed(lead['difference'])} points "
        f"({interval(lead['ci95'], signed)}, other images and other samples)."
    )


def plots(networks: Sequence[Mapping[str, Any]]) -> list[Plot]:
    subject = next((name for name in GENERATORS for each in networks if name in each["sets"]), None)
    if subject is None:
        return [_novelty(networks, "The generator is unfit: there are baselines alone.")]
    networks = [each for each in networks if subject in each["sets"]]
    near = np.mean([np.median(each["sets"][subject]["distances"]) for each in networks])
    held = np.mean([np.median(each["sets"]["held_out"]["distances"]) for each in networks])
    novel = np.mean([np.mean(each["sets"][subject]["novelty"]) for each in networks])
    return [
        _novelty(networks, f"{subject} {novel:.2f} on average."),
        Plot(
            name="nearest_rows",
            title="Distance to the nearest stored row",
            caption=f"Median {near:.1f} for {subject}, {held:.1f} for held-out rows that nobody fitted on. A curve "
            "far to the left of theirs means copies, or rows pulled towards the mean.",
            figure=audit_figures.nearest_distances(networks),
        ),
        Plot(
            name="shared_errors",
            title="Who errs on the same images",
            caption="Error IoU of every pair of models. A bright generated block beside a dark originals’ block means "
            f"that generated models are more alike than trained ones: within {subject} "
            f"{percent(_within(networks, generated=True))} %, within the originals "
            f"{percent(_within(networks, generated=False))} %.",
            figure=audit_figures.shared_errors(networks),
        ),
    ]


def _novelty(networks: Sequence[Mapping[str, Any]], found: str) -> Plot:
    return Plot(
        name="novelty",
        title="Accuracy against novelty",
        caption=f"Novelty: 1 − the largest error IoU with a stored row. {found} The grey line is plain noise on stored "
        "rows: above it, models are better than noise that errs as differently.",
        figure=audit_figures.accuracy_against_novelty(networks),
    )


def _within(networks: Sequence[Mapping[str, Any]], *, generated: bool) -> float:
    means = []
    for network in networks:
        matrix, border = np.asarray(network["shared_errors"]["matrix"]), network["shared_errors"]["originals"]
        block = matrix[border:, border:] if generated else matrix[:border, :border]
        if len(block) > 1:
            means.append((block.sum() - np.trace(block)) / (len(block) * (len(block) - 1)) / 100)
    return float(np.mean(means)) if means else float("nan")
