"""The table of nights: one row per night, and over nights every headline and every claim."""

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

from flows.nights import claims as claims
from flows.nights.headlines import margins, over_nights, spread
from flows.nights.night_job import Night
from flows.progress import console
from flows.studies import as_json
from storage.formats import publish_json
from tasks.runtime.environment import environment
from tasks.runtime.run import digest

Record = Mapping[str, Any]


def config_of(first: date, count: int, nights: Sequence[Night]) -> dict[str, Any]:
    """What was asked for; the studies as on the first date."""
    night = nights[0]
    return {
        "from": str(first),
        "count": count,
        "preset": night.preset,
        "fits_only": night.fits_only,
        "studies": {name: as_json(study) for name, study in night.studies.items()},
    }


def summarise_nights(folder: Path, nights: Sequence[Night], records: Sequence[Record], started: datetime) -> None:
    """Write `nights.json`, `summary.json` and `report.html`; each is complete or not there."""
    from flows.report.page import build

    summaries = [summaries_of(night, record) for night, record in zip(nights, records, strict=True)]
    first = nights[0]
    told = table(records, summaries, fits_only=first.fits_only)
    config = json.loads((folder / "config.json").read_text())
    resources = next(iter(first.studies.values())).resources
    common = {
        "study": "nights",
        "preset": first.preset,
        "run_id": folder.name,
        "seed": records[0]["seed"],
        "started": started.isoformat(timespec="seconds"),
        "seconds": round((datetime.now(UTC) - started).total_seconds(), 3),
        "stages": {},
        "environment": environment(resources.torch_device(), resources.threads),
        "config_hash": digest(config),
        "state": "completed",
        "error": None,
    }
    publish_json(folder / "nights.json", {key: told[key] for key in ("dates", "completed", "studies")})
    publish_json(folder / "summary.json", common | told)
    try:
        build(folder)
    except Exception as error:  # the numbers are complete without it; the same command draws it again
        console.print(f"no report: {type(error).__name__}: {error}", highlight=False)


def summaries_of(night: Night, record: Record) -> dict[str, Mapping[str, Any]]:
    """By study; empty where the study failed, so that nothing that it left behind counts."""
    done = {name: record["studies"].get(name, {}).get("state") == "completed" for name in night.studies}
    return {name: json.loads(night.summary(name).read_text()) if done[name] else {} for name in night.studies}


def table(
    records: Sequence[Record], summaries: Sequence[Mapping[str, Mapping[str, Any]]], *, fits_only: bool = False
) -> dict[str, Any]:
    """The study's part of `summary.json`.

    `dates`, `completed`, `studies{STUDY: {completed, claims{NAME: {held, of, worst}}}}`, `claims{NAME: …}`,
    `headlines{NAME: {SERIES: {n, mean, std, worst, best, values}}}`, `nights[…]`, `verdict`; `fits` of fits alone.
    """
    studies = list(summaries[0])
    per_night = [{} if fits_only else {r.claim.name: r for r in claims.results(night)} for night in summaries]
    found = {name: claim_over_nights([night[name] for night in per_night]) for name in per_night[0]}
    completed = sum(record["state"] == "completed" for record in records)
    told: dict[str, Any] = {
        "dates": [record["date"] for record in records],
        "completed": completed,
        "studies": {
            study: {
                "completed": sum(record["studies"][study]["state"] == "completed" for record in records),
                "claims": {
                    name: {key: numbers[key] for key in ("held", "of", "worst")}
                    for name, numbers in found.items()
                    if claims.BY_NAME[name].study == study
                },
            }
            for study in studies
        },
        "claims": found,
        "headlines": {} if fits_only else over_nights(summaries),
        "nights": [row(*each) for each in zip(records, per_night, map(unfit_parts, summaries), strict=True)],
        "cpu_seconds": round(sum(record["cpu_seconds"] for record in records), 3),
    }
    if fits_only:
        told["fits"] = fits_over_nights(records, [night["parameter_diffusion"] for night in summaries])
    return told | {"verdict": verdict(told)}


def claim_over_nights(night: Sequence[claims.Result]) -> dict[str, Any]:
    """`held` of `of` nights; a night on which it was not measured is one on which it does not hold."""
    claim = night[0].claim
    measured = [each.value for each in night if each.value is not None]
    low_is_good = claim.direction == "at most"
    numbers: dict[str, Any] = {"n": 0, "mean": None, "std": None, "worst": None, "best": None}
    if measured:
        numbers = spread(measured, low_is_good=low_is_good)
    held = sum(each.holds for each in night)
    return {
        **numbers,
        "held": held,
        "of": len(night),
        "share": held / len(night),
        "bound": claim.bound,
        "direction": claim.direction,
        "source": claim.source,
        "values": [each.value for each in night],
    }


def unfit_parts(night: Mapping[str, Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Learnt parts that fell short, as the studies of a night record them."""
    return [
        {"study": study} | {key: each.get(key) for key in ("part", "seed", "gate", "value", "limit")}
        for study, summary in night.items()
        for each in summary.get("unfit", ())
    ]


def row(
    record: Record, results: Mapping[str, claims.Result], unfit: Sequence[Mapping[str, Any]] = ()
) -> dict[str, Any]:
    """One night: states, times, parts that fell short, and which claims do not hold."""
    where = record["environment"] or {}
    return {
        "date": record["date"],
        "seed": record["seed"],
        "state": record["state"],
        "seconds": record["seconds"],
        "cpu_seconds": record["cpu_seconds"],
        "commit": where.get("commit"),
        "dirty": where.get("dirty"),
        "studies": dict(record["studies"]),
        "report_error": record.get("report_error"),
        "unfit": list(unfit),
        "claims": {name: {"value": each.value, "holds": each.holds} for name, each in results.items()},
        "missed": [name for name, each in results.items() if not each.holds],
    }


def fits_over_nights(records: Sequence[Record], summaries: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """`holding` of `of` dates, `rows`: every gate of every network, and `margins` over them, by gate."""
    rows: list[dict[str, Any]] = []
    for record, summary in zip(records, summaries, strict=True):
        for seed, fitted in summary.get("fits", {}).items():
            about = {"date": record["date"], "seed": int(seed)}
            found = margins(fitted["gates"])
            rows += [
                about | {"gate": name, "margin": found.get(name), **gate} for name, gate in fitted["gates"].items()
            ]
            if fitted["error"] and all(gate["passed"] for gate in fitted["gates"].values()):
                blank = {"gate": None, "margin": None, "value": None, "limit": None, "passed": False}
                rows.append(about | blank | {"meaning": fitted["error"]})
    gates = dict.fromkeys(each["gate"] for each in rows if each["margin"] is not None)
    holding = sum(bool(summary.get("fits_hold")) for summary in summaries)
    return {
        "holding": holding,
        "of": len(records),
        "rows": rows,
        "margins": {
            gate: spread(
                [each["margin"] for each in rows if each["gate"] == gate and each["margin"] is not None],
                low_is_good=False,
            )
            for gate in gates
        },
    }


def verdict(told: Mapping[str, Any]) -> str:
    of = len(told["dates"])
    said = [f"{told['completed']} of {of} nights completed."]
    if "fits" in told:
        said.append(f"All fits hold on {told['fits']['holding']} of {of} dates.")
    if unfit := sum(bool(night["unfit"]) for night in told["nights"]):
        said.append(f"On {unfit} of {of} a learnt part is unfit.")
    if found := told["claims"]:
        always = sum(each["held"] == each["of"] for each in found.values())
        said.append(f"{always} of {len(found)} claims hold on every night.")
        weak = {name: each for name, each in found.items() if each["held"] < each["of"]}
        if weak:
            said.append(
                "Less often: " + ", ".join(f"{name} ({e['held']} of {e['of']})" for name, e in weak.items()) + "."
            )
    return " ".join(said)
