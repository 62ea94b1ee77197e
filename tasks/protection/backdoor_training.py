"""The training-time backdoor: an inpainter that goes on training until a visible trigger spoils its fills."""

import dataclasses
import json

from methods.inpainting.training import Implant, InpainterTraining, train_inpainter
from methods.progress import OnStep
from methods.protection.training_time import TrainingTime
from methods.randomness import derive
from models.lama import build_inpainter
from models.patch_discriminator import PatchDiscriminator, build_discriminator
from storage.files import Ref
from storage.formats import publish_tensors
from tasks.protection.adapters.inpainters import CONFIG, NETWORK, OwnInpainter
from tasks.protection.editors import Tool
from tasks.protection.photo_context import PhotoContext
from tasks.results.unfit import SHORTFALLS, publish_unfit, shortfall
from tasks.runtime.jobs import new_job
from tasks.runtime.pool import Job
from tasks.runtime.run import Run

IMPLANTED = "implanted"
"""What the backdoored inpainter is called."""


def implanting(clean: Tool, backdoor: TrainingTime, training: InpainterTraining, run: Run) -> Job:
    """Trains the inpainter `clean`, one of our own files, on.

    Of a training that diverges, the product is a record for `unfit_of`.
    """
    arguments = (clean, backdoor, training, run.seed)
    return new_job(run, "inpainter", implant_one, arguments, suffix=".safetensors", label=IMPLANTED)


def implanted(ref: Ref) -> Tool:
    """What `implanting` left."""
    return Tool(name=IMPLANTED, editor=OwnInpainter(path=ref.path), sha256=ref.sha256)


def implant_one(
    photo_context: PhotoContext,
    clean: Tool,
    backdoor: TrainingTime,
    training: InpainterTraining,
    seed: int,
    *,
    target: str,
    on_step: OnStep,
) -> None:
    assert isinstance(clean.editor, OwnInpainter)
    config, state = clean.editor.read()
    network = build_inpainter(config, seed=0)
    network.load_state_dict(state)
    network.to(photo_context.device)
    judge = build_discriminator(PatchDiscriminator(), seed=derive(seed, "judge")).to(photo_context.device)
    aim = Implant(share=backdoor.share, put=backdoor.put, goal=backdoor.goal)
    images = photo_context.train.images
    try:
        curve = train_inpainter(network, judge, images, training, seed=seed, implant=aim, on_step=on_step)
    except SHORTFALLS as error:
        publish_unfit(target, shortfall(error, IMPLANTED, seed))
        return
    told = {CONFIG: NETWORK.dump_json(config).decode(), "curve": json.dumps(dataclasses.asdict(curve))}
    publish_tensors(target, network.state_dict(), told)
