"""What `image_protection` does, in which order: inpainters, protected images, edits, and how well editors fill."""

from typing import Any

import torch

from flows.configuration_protection import ImageProtection
from methods.errors import Diverged
from methods.protection.training_time import TrainingTime
from storage.datasets import Splits
from tasks.attack import chosen_samples
from tasks.backdoor_fills import measure_backdoor
from tasks.editors import Tool, Trained, gather, name_of
from tasks.fills import measure_fills
from tasks.implant import implanted, implanting
from tasks.judge_edits import judge_edits
from tasks.pool import Pool
from tasks.protect import USUAL, Block, Trial, blocks, protect
from tasks.run import Run
from tasks.summarise_protection import Products, summarise_protection
from tasks.unfit import unfit_of


def protect_and_edit(
    study: ImageProtection, pool: Pool, splits: Splits, run: Run
) -> tuple[dict[str, Any], dict[str, Any]]:
    """The study's part of `summary.json`, and `details.json`. Every stage finds what is committed already.

    Raises `Diverged` where the training of the study's own inpainter diverges.
    """
    check(study)
    digest, expansion = splits.digest, study.judge.expansion
    tools, unfit = gather(pool, study.wanted, study.data, study.quality, digest, run)
    if record := unfit.get(name_of(study.inpainter)):  # there is nobody to protect from
        raise Diverged(problem=f"{record.part}: {record.problem}", remedy=record.remedy, step=0)
    named = set(map(name_of, study.variants))
    subject, variants = tools[0], [each for each in tools[1:] if each.name in named]
    samples = tuple(chosen_samples(len(splits.test), study.images))
    plan = planned(study, subject, variants, samples)
    training = []
    if study.backdoor is not None and study.implanting is not None:
        training.append(implanting(subject, study.backdoor, study.implanting, digest, run))
    made, trained = protect(pool, plan, study.regions, expansion, digest, run, beside=training)
    fitted, backdoor = list(tools), {}
    if study.backdoor is not None and trained and (record := unfit_of(trained[0])):
        unfit |= dict.fromkeys((trial.name for trial in triggers(study)), record)
    elif study.backdoor is not None and trained:
        fitted.append(spoilt := implanted(trained[0]))
        backdoor = measure_backdoor(pool, subject, spoilt, study.backdoor, study.quality, digest, run)
        triggered = [block for trial in triggers(study) for block in blocks(trial, spoilt, samples, study.block)]
        plan += triggered
        made += protect(pool, triggered, study.regions, expansion, digest, run)[0]
    edited = judge_edits(
        pool,
        [(block, ref, others(block, subject, tools)) for block, ref in zip(plan, made, strict=True)],
        study.judge,
        study.transforms,
        study.regions,
        digest,
        run,
    )
    fills = measure_fills(pool, fitted, study.quality, samples, digest, run)
    products = Products(
        plan=tuple(plan), protected=tuple(made), judged=tuple(edited), fills=fills, backdoor=backdoor, unfit=unfit
    )
    return summarise_protection(products, study.regions, study.judge, study.broken, splits, study.seed)


def triggers(study: ImageProtection) -> list[Trial]:
    return [trial for trial in study.methods if isinstance(trial.method, TrainingTime)]


def planned(study: ImageProtection, subject: Tool, variants: list[Tool], samples: tuple[int, ...]) -> list[Block]:
    """Every method against the subject, those that take all images against variants; the trigger has its own."""
    trials = [trial for trial in study.methods if not isinstance(trial.method, TrainingTime)]
    return [
        block
        for tool in (subject, *variants)
        for trial in trials
        if tool == subject or trial.images is None
        for block in blocks(trial, tool, samples, study.block)
    ]


def others(block: Block, subject: Tool, tools: list[Tool]) -> tuple[Tool, ...]:
    """Whom protected images are given besides: what was made against a variant, only at the usual ε."""
    if block.tool != subject and block.trial.epsilon not in (USUAL, 1.0):
        return ()
    return tuple(tool for tool in tools if tool != block.tool)


def check(study: ImageProtection) -> None:
    """Opens every editor that is there already. Raises what `open` does: it would be found missing only after hours."""
    for each in study.wanted:
        if not isinstance(each, Trained):
            each.open(torch.device("cpu"))
