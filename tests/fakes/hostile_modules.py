"""CAD modules that misbehave; loaded in worker processes through entry points."""

import os
import time

import numpy as np

from cad_modules.contract import (
    AnalysisContext,
    CadModule,
    ClipFrame,
    Finding,
    Findings,
    Image,
    Overlay,
    UnsuitableImage,
)


def _module(name: str, analyze) -> CadModule:  # type: ignore[no-untyped-def]
    return CadModule(name, "1.0.0", name, ("us_cardiac",), {"mean": "1"}, analyze)


def _mean(image: Image, context: AnalysisContext) -> Findings:
    height, width = image.shape
    corners = ((0.0, 0.0), (float(width), float(height)))
    return Findings((Finding("mean", float(image.mean()), "1"),), (Overlay("box", "all", corners),))


def _coloured(image: Image, context: AnalysisContext) -> Findings:
    return Findings((Finding("mean", context.colour_fraction, "1"),))


def _sleep(image: Image, context: AnalysisContext) -> Findings:
    time.sleep(60)
    return Findings()


def _end(image: Image, context: AnalysisContext) -> Findings:
    os._exit(7)


def _raise(image: Image, context: AnalysisContext) -> Findings:
    raise ValueError("broken on purpose")


def _unsuitable(image: Image, context: AnalysisContext) -> Findings:
    raise UnsuitableImage("too dark")


def _undeclared(image: Image, context: AnalysisContext) -> Findings:
    return Findings((Finding("surprise", 1.0, "1"),))


def _clip_facts(frames: tuple[ClipFrame, ...], context: AnalysisContext) -> Findings:
    height, width = frames[0].image.shape
    corners = ((0.0, 0.0), (width - 1.0, height - 1.0))
    values = {
        "frames": float(len(frames)),
        "seconds": frames[-1].time_s,
        "mean": float(np.mean([frame.image.mean() for frame in frames])),
        "coloured": frames[0].colour_fraction,
    }
    found = [Finding(name, value, "1") for name, value in values.items()]
    return Findings((*found, context.length("width", width)), (Overlay("box", "all", corners),))


def _clip_asks_context(frames: tuple[ClipFrame, ...], context: AnalysisContext) -> Findings:
    context.infer("heart")
    return Findings()


def _clip_is_slow(frames: tuple[ClipFrame, ...], context: AnalysisContext) -> Findings:
    time.sleep(1.2)
    return Findings()


def _of_clips(name: str, analyze) -> CadModule:  # type: ignore[no-untyped-def]
    features = {"frames": "1", "seconds": "1", "mean": "1", "coloured": "1", "width": "mm"}
    return CadModule(name, "1.0.0", name, ("us_cardiac",), features, analyze, scope="clip")


CLIP_FACTS = _of_clips("clip_facts", _clip_facts)
CLIP_ASKS_CONTEXT = _of_clips("clip_asks_context", _clip_asks_context)
CLIP_IS_SLOW = _of_clips("clip_is_slow", _clip_is_slow)
CLIP_ENDS = _of_clips("clip_ends", lambda frames, context: os._exit(9))
CLIP_SLEEPS = _of_clips("clip_sleeps", lambda frames, context: time.sleep(60))
COLOURED = _module("coloured", _coloured)
MEAN = _module("mean", _mean)
SLEEPS = _module("sleeps", _sleep)
ENDS = _module("ends", _end)
RAISES = _module("raises", _raise)
UNSUITABLE = _module("unsuitable", _unsuitable)
UNDECLARED = _module("undeclared", _undeclared)
