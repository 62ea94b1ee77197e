"""How numbers and names are written, in one place, so that page, terminal and captions agree."""

import math
from collections.abc import Sequence
from datetime import datetime

GENERATORS = ("latent_ddpm", "gram_pca", "token_diffusion")

MEANINGS = {
    "original": "the classifiers as they were trained",
    "latent_ddpm": "diffusion on the codes of an autoencoder",
    "gram_pca": "new codes for principal components; samples lie in the affine hull of the snapshots",
    "token_diffusion": "diffusion on the codes of chunks of all layers",
    "mean": "the average of all snapshots, one model per seed",
    "mean_of_run": "the average of the snapshots from one initialisation",
    "retrieve": "the snapshot that is best on validation, one per seed",
    "average_of_16": "averages of 16 random snapshots",
    "interpolate": "between two random snapshots",
    "gaussian": "independent normal numbers per coordinate",
    "reconstruct": "snapshots through the autoencoder",
    "reconstruct_noisy": "snapshots through the autoencoder, noise on the codes",
    "noise_matched": "snapshots plus noise, as different as the generated",
    "last_phase": "the rest of the network frozen",
    "shrink": "two norms and the head, then ever fewer of them",
    "shrink_reordered": "the same, names in another order, half the epochs",
    "shrink_conv": "the last block's convolutions, too",
    "four_bn": "four norms and the head, then ever fewer",
    "retrain_first": "first convolution and norm drawn anew, trained again",
    "retrain_conv": "first convolutions and head drawn anew, trained again",
    "retrain_conv_bn": "their norms, too",
    "whole_run": "along the whole training",
    "many_seeds": "the ends of independent trainings",
    "restarts": "the rows' layers from several initialisations",
}


def meaning(name: str) -> str:
    """A few words on what stands behind a generator's or strategy's name; empty for a name that says it all."""
    if name.startswith("noise_") and name not in MEANINGS:
        return f"snapshots plus noise of {name.removeprefix('noise_')} std"
    return MEANINGS.get(name, "")


def percent(fraction: float) -> str:
    """`0.96054` → `96.05`, in percent, the sign left to the column's head."""
    return f"{100 * fraction:.2f}" if math.isfinite(fraction) else "–"


def signed(fraction: float) -> str:
    """A difference in percentage points: `−0.0031` → `−0.31`, with a true minus sign; nothing but zeros has no sign."""
    text = f"{100 * fraction:+.2f}".replace("-", "−") if math.isfinite(fraction) else "–"
    return "0.00" if text in ("+0.00", "−0.00") else text


def interval(ends: Sequence[float], write=percent) -> str:
    return f"{write(ends[0])} to {write(ends[1])}"


def number(value: float) -> str:
    """Four significant digits; powers of ten where plain notation would hide them."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return str(value)
    if isinstance(value, int) or value == 0:
        return f"{value:,}".replace(",", "\u202f") if abs(value) >= 10_000 else str(value)
    if not math.isfinite(value):
        return str(value)
    if 1e-3 <= abs(value) < 1e5:
        return f"{value:.4g}".replace("-", "−")
    mantissa, exponent = f"{value:.1e}".split("e")
    superscript = str(int(exponent)).translate(str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹"))
    return f"{mantissa} × 10{superscript}".replace("-", "−")


def duration(seconds: float) -> str:
    if seconds < 59.95:  # above, one decimal would read 60.0 s
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes:02d} min" if hours else f"{minutes} min {rest:02d} s"


def size(count: int) -> str:
    value = float(count)
    for unit in ("B", "kB", "MB", "GB"):
        if value < 1000:
            return f"{value:.3g} {unit}"
        value /= 1000
    return f"{value:.3g} TB"


def moment(started: str) -> str:
    """`2026-05-12T02:00:07+00:00` → `12 May 2026, 02:00 UTC`."""
    when = datetime.fromisoformat(started)
    return f"{when.day} {when:%B %Y, %H:%M} {when.tzname() or ''}".strip()


def phrase(name: str) -> str:
    """`parameter_diffusion` → `Parameter diffusion`, for headings."""
    return name.replace("_", " ").capitalize()
