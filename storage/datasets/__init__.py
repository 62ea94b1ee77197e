"""Labelled images from scikit-learn, torchvision, Parquet and folders, cut into train, validation and test.

>>> from storage import datasets
>>> splits = datasets.load(datasets.Data(source="digits"), home=home)
"""

from storage.datasets.loading import load
from storage.datasets.settings import Data
from storage.datasets.splits import Split, Splits

__all__ = ["Data", "Split", "Splits", "load"]
