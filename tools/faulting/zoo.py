"""CAD modules that misbehave in every way that a plug-in has been seen to; run in worker processes alone."""

import ctypes
import os
import sys
import time
from importlib.metadata import EntryPoint
from typing import Any, Final, NoReturn

import numpy as np

from cad_modules.contract import CATEGORIES, AnalysisContext, CadModule, Finding, Findings, Image, Overlay

FOUR_GIGABYTES: Final = 4 * 2**30


def _module(name: str, analyze: Any) -> CadModule:
    return CadModule(name, "1.0.0", f"Misbehaves: {name}", CATEGORIES, {"mean": "1"}, analyze)


def _raise(image: Image, context: AnalysisContext) -> Findings:
    raise ValueError("broken on purpose")


def _say_nan(image: Image, context: AnalysisContext) -> Findings:
    finding = Finding("mean", 1.0, "1")
    object.__setattr__(finding, "value", float("nan"))  # past the check of the contract
    return Findings((finding,))


def _say_wrong_unit(image: Image, context: AnalysisContext) -> Findings:
    return Findings((Finding("mean", 1.0, "furlongs"),))


def _say_objects(image: Image, context: AnalysisContext) -> Findings:
    class Unsendable(float):
        def __reduce__(self) -> NoReturn:
            raise RuntimeError("cannot be sent to another process")

    return Findings((Finding("mean", Unsendable(1.0), "1"),), (object(),))  # type: ignore[arg-type]


def _flood_overlays(image: Image, context: AnalysisContext) -> Findings:
    """About 10 MB of points."""
    points = tuple((float(number), 0.5) for number in range(600_000))
    return Findings((Finding("mean", 1.0, "1"),), (Overlay("polygon", "flood", points),))


def _hang(image: Image, context: AnalysisContext) -> NoReturn:
    while True:
        time.sleep(60)


def _hold_interpreter(image: Image, context: AnalysisContext) -> Findings:
    """One call in C that doesn't let other threads of its process run."""
    return Findings((Finding("mean", float(3 ** (3**25) > 0), "1"),))


def _segfault(image: Image, context: AnalysisContext) -> Findings:
    ctypes.string_at(0)
    return Findings()


def _exit(image: Image, context: AnalysisContext) -> NoReturn:
    os._exit(7)


def _fork(image: Image, context: AnalysisContext) -> Findings:
    """Answers, and leaves children that work on; one of them in a session of its own."""
    for session in (False, True, False):
        if os.fork() == 0:
            if session:
                os.setsid()
            while True:
                time.sleep(0.01)
    return Findings((Finding("mean", 1.0, "1"),))


def _allocate(image: Image, context: AnalysisContext) -> Findings:
    kept = [np.zeros(2**28, np.uint8) for _ in range(FOUR_GIGABYTES // 2**28)]
    return Findings((Finding("mean", float(len(kept)), "1"),))


def _change_image(image: Image, context: AnalysisContext) -> Findings:
    image.setflags(write=True)
    image[:] = 0
    return Findings((Finding("mean", 0.0, "1"),))


def _write_over_image(image: Image, context: AnalysisContext) -> Findings:
    """Past every check of Python's."""
    ctypes.memset(image.ctypes.data, 0, image.shape[1])
    return Findings((Finding("mean", 0.0, "1"),))


def _print_on(image: Image, context: AnalysisContext) -> NoReturn:
    while True:
        print("a module prints without end " * 1000, flush=True)
        print("on both " * 1000, file=sys.stderr, flush=True)


RAISES: Final = _module("raises", _raise)
SAYS_NAN: Final = _module("says_nan", _say_nan)
SAYS_WRONG_UNIT: Final = _module("says_wrong_unit", _say_wrong_unit)
SAYS_OBJECTS: Final = _module("says_objects", _say_objects)
FLOODS_OVERLAYS: Final = _module("floods_overlays", _flood_overlays)
HANGS: Final = _module("hangs", _hang)
HOLDS_INTERPRETER: Final = _module("holds_interpreter", _hold_interpreter)
SEGFAULTS: Final = _module("segfaults", _segfault)
EXITS: Final = _module("exits", _exit)
FORKS: Final = _module("forks", _fork)
ALLOCATES: Final = _module("allocates", _allocate)
CHANGES_IMAGE: Final = _module("changes_image", _change_image)
WRITES_OVER_IMAGE: Final = _module("writes_over_image", _write_over_image)
PRINTS_ON: Final = _module("prints_on", _print_on)
IMPORTS_FOREVER: Final = _module("imports_forever", _raise)
"""Its entry point names ``zoo_imports_forever``, whose import hangs where there is a module to run."""

NAMES: Final = (
    "raises", "says_nan", "says_wrong_unit", "says_objects", "floods_overlays", "hangs", "holds_interpreter",
    "segfaults", "exits", "forks", "allocates", "changes_image", "writes_over_image", "prints_on",
)  # fmt: skip
ENTRIES: Final = (
    *(EntryPoint(name, f"tools.faulting.zoo:{name.upper()}", "cad_modules") for name in NAMES),
    EntryPoint("imports_forever", "tools.faulting.zoo_imports_forever:MODULE", "cad_modules"),
)
"""The zoo's entry points."""
STATUSES: Final = {
    **{entry.name: ("failed",) for entry in ENTRIES},
    **{name: ("timed_out",) for name in ("hangs", "prints_on", "imports_forever")},
    "holds_interpreter": ("timed_out", "failed"),  # by its deadline, or by its memory bound
}
"""What each module's entry in a report says."""
