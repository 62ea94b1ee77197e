"""Which presets exist to try the machinery, so that no page, table or entry passes their numbers off as results."""

MEANINGLESS = ("smoke",)
"""Presets that run every stage for seconds; a docstring that says "mean nothing" belongs to one of these."""


def caution(preset: str) -> str | None:
    """What must stand above every verdict of a run of this preset; None where its numbers may be read."""
    if preset not in MEANINGLESS:
        return None
    return (
        f"Preset {preset} tries every stage for a few seconds on a few images. Its numbers and its verdict mean "
        "nothing; use another preset for results."
    )
