"""The recipe of `train-inpainter`."""

from methods.inpainting.training import InpainterTraining
from models.lama import FourierUNet
from storage.photographs import Photographs
from tasks.protection.train_inpainter import InpainterRecipe


def small() -> InpainterRecipe:
    """The inpainter that comes with the project: 0.54 million parameters, about an hour of one core."""
    return InpainterRecipe(
        photographs=Photographs(crops=400),
        network=FourierUNet(downsamplings=3, most=64),
        training=InpainterTraining(
            steps=20_000,
            batch=5,
            learning_rate=7e-4,
            schedule="one_cycle",
            l1_known=0.0,
            l1_hole=1.0,
            adversarial=0.0,
            feature_matching=0.0,
        ),
    )
