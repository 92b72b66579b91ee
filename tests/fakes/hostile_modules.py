"""CAD modules that misbehave; loaded in worker processes through entry points."""

import os
import time

from cad_modules.contract import AnalysisContext, CadModule, Finding, Findings, Image, Overlay, UnsuitableImage


def _module(name: str, analyze) -> CadModule:  # type: ignore[no-untyped-def]
    return CadModule(name, "1.0.0", name, ("us_cardiac",), {"mean": "1"}, analyze)


def _mean(image: Image, context: AnalysisContext) -> Findings:
    height, width = image.shape
    corners = ((0.0, 0.0), (float(width), float(height)))
    return Findings((Finding("mean", float(image.mean()), "1"),), (Overlay("box", "all", corners),))


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


MEAN = _module("mean", _mean)
SLEEPS = _module("sleeps", _sleep)
ENDS = _module("ends", _end)
RAISES = _module("raises", _raise)
UNSUITABLE = _module("unsuitable", _unsuitable)
UNDECLARED = _module("undeclared", _undeclared)
