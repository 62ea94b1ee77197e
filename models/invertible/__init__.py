"""Classifiers that lose nothing of an image: bijections whose first outputs are the logits."""

from models.invertible.network import InvertibleNetwork

__all__ = ["InvertibleNetwork"]
