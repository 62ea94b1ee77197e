"""What `image_protection` does, in which order: inpainters, protected images, edits, and how well editors fill."""

from typing import Any

import torch

from flows.configuration_protection import ImageProtection
from methods.errors import Diverged
from methods.protection.training_time import TrainingTime
from tasks.protection.backdoor_quality import measure_backdoor
from tasks.protection.backdoor_training import implanted, implanting
from tasks.protection.editors import Tool, Trained, gather, name_of
from tasks.protection.inpainting_quality import measure_fills
from tasks.protection.judge_edits import judge_edits
from tasks.protection.protect import USUAL, Block, Trial, blocks, protect
from tasks.protection.summarise_protection import Products, summarise_protection
from tasks.results.unfit import unfit_of
from tasks.robustness.attack import chosen_samples
from tasks.runtime.context import RunContext


def protect_and_edit(study: ImageProtection, context: RunContext) -> tuple[dict[str, Any], dict[str, Any]]:
    """The study's part of `summary.json`, and `details.json`. Every stage finds what is committed already.

    Raises `Diverged` where the training of the study's own inpainter diverges.
    """
    check(study)
    splits, expansion = context.splits, study.judge.expansion
    tools, unfit = gather(context, study.wanted, study.data, study.quality)
    if record := unfit.get(name_of(study.inpainter)):  # there is nobody to protect from
        raise Diverged(problem=f"{record.part}: {record.problem}", remedy=record.remedy, step=0)
    named = set(map(name_of, study.variants))
    subject, variants = tools[0], [each for each in tools[1:] if each.name in named]
    samples = tuple(chosen_samples(len(splits.test), study.images))
    plan = planned(study, subject, variants, samples)
    training = []
    if study.backdoor is not None and study.implanting is not None:
        training.append(implanting(subject, study.backdoor, study.implanting, context.run))
    made, trained = protect(context, plan, study.regions, expansion, beside=training)
    fitted, backdoor = list(tools), {}
    if study.backdoor is not None and trained and (record := unfit_of(trained[0])):
        unfit |= dict.fromkeys((trial.name for trial in triggers(study)), record)
    elif study.backdoor is not None and trained:
        fitted.append(spoilt := implanted(trained[0]))
        backdoor = measure_backdoor(context, subject, spoilt, study.backdoor, study.quality)
        triggered = [block for trial in triggers(study) for block in blocks(trial, spoilt, samples, study.block)]
        plan += triggered
        made += protect(context, triggered, study.regions, expansion)[0]
    edited = judge_edits(
        context,
        [(block, ref, others(block, subject, tools)) for block, ref in zip(plan, made, strict=True)],
        study.judge,
        study.transforms,
        study.regions,
    )
    fills = measure_fills(context, fitted, study.quality, samples)
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
