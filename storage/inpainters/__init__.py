"""Inpainters as files: safetensors with their configuration, LaMa's checkpoints, and the one that comes along."""

from pathlib import Path

SHIPPED = Path(__file__).parent / "lama_small.safetensors"
"""Trained on the embedded photographs alone; `docs/inpainter.md` says how, and what it reaches."""
