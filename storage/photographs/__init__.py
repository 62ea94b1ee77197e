"""Real photographs of any size, cut into squares of one; train, validation and test never share a photograph."""

from storage.photographs.loading import Album, load
from storage.photographs.settings import Photographs

__all__ = ["Album", "Photographs", "load"]
