"""Run CAD modules: keep their model bundles loaded, hand each its context, and turn whatever happens into a result."""

import logging
import time
from collections import Counter
from collections.abc import Callable, Iterable, MutableMapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final, Literal

import numpy as np
from numpy.typing import NDArray

from cad_modules.contract import (
    AnalysisContext,
    CadModule,
    ClipFrame,
    Findings,
    Image,
    ModuleContractError,
    UnsuitableImage,
)
from cad_modules.radiograph import usual_polarity
from models.bundle import Bundle, Prediction, find_bundle
from models.errors import ModelError

log = logging.getLogger(__name__)

MAX_REASON_CHARACTERS: Final = 300
"""A reason goes into every report; an exception that prints an array must not."""
MAX_SHARED_BYTES: Final = 128 * 2**20
"""Kept answers on the frames of a clip take no more; beyond, the network runs again for the next module."""
_NO_VALUES: Final[NDArray[np.float32]] = np.empty(0, np.float32)


@dataclass(frozen=True, slots=True)
class ModuleResult:
    """What became of one module on one picture or clip."""

    module: str
    version: str
    status: Literal["ok", "unsuitable", "failed", "unavailable"]
    reason: str
    """Why, in plain words; for ``ok`` empty, or why the findings are doubtful."""
    duration_ms: float
    experimental: bool
    findings: Findings
    """Empty unless ``ok``. Overlay points are in pixels of the image that the module was given."""


class Runtime:
    """Keeps the model bundles of one process; each is loaded and checked when it is first asked for.

    Args:
        bundle_folders: Where bundles are looked for before the built-in ones.
        threads: For each network.
    """

    def __init__(self, bundle_folders: Iterable[Path] = (), threads: int = 1) -> None:
        self._folders = tuple(bundle_folders)
        self._threads = threads
        self._bundles: dict[str, Bundle] = {}
        self._errors: dict[str, ModelError] = {}

    def bundle(self, name: str) -> Bundle:
        """The named bundle, ready to run.

        Raises:
            ModelError: It is missing or rejected. The answer is kept: a bundle that is repaired needs a new Runtime.
        """
        if name in self._errors:
            raise self._errors[name]
        if name not in self._bundles:
            try:
                self._bundles[name] = Bundle(find_bundle(name, self._folders), self._threads)
            except ModelError as error:
                self._errors[name] = error
                raise
        return self._bundles[name]

    def context_for(
        self,
        image: NDArray[np.uint8],
        category: str,
        mm_per_pixel: float | None = None,
        shared_cache: MutableMapping[str, Prediction] | None = None,
        colour_fraction: float = 0.0,
    ) -> AnalysisContext:
        """What a module may know about a picture.

        Args:
            image: What ``infer`` runs the networks on: the picture, gray (h, w) or BGR (h, w, 3). A radiograph that
                shows bone black is turned before.
            category: One of ``CATEGORIES``.
            mm_per_pixel: Spacing of the picture, if known.
            shared_cache: Bundle name -> its answer for this picture. Modules whose contexts share it share the
                runs of the networks. One mapping per picture: the whole screen is another one than its picture area.
            colour_fraction: Part of the picture that was coloured before it was made gray, 0 to 1.
        """
        predictions: MutableMapping[str, Prediction] = {} if shared_cache is None else shared_cache

        def infer(name: str) -> Prediction:
            if name not in predictions:
                prediction = self.bundle(name).infer(usual_polarity(image, category))
                prediction.values.setflags(write=False)  # the next module reads it too
                predictions[name] = prediction
            return predictions[name]

        return AnalysisContext(category, infer, mm_per_pixel, colour_fraction)

    def clip_frames(
        self,
        images: Iterable[Image],
        times_s: Iterable[float],
        colour_fractions: Iterable[float],
        readers: Iterable[tuple[str, ...]],
    ) -> tuple[ClipFrame, ...]:
        """The frames of a clip as its modules get them; they share the runs of the networks.

        Args:
            images: The picture area, gray, shape (h, w) each.
            times_s: Of each, since the first.
            colour_fractions: Of each, see ``ClipFrame``.
            readers: For each module that will read them, the bundles that it asks for. What several of them ask for is
                kept as long as the frames are.
        """
        counts = Counter(name for bundles in readers for name in bundles)
        answers = _ClipAnswers(self.bundle, {name for name, count in counts.items() if count > 1})
        return tuple(
            ClipFrame(image, time_s, answers.on(image), colour_fraction)
            for image, time_s, colour_fraction in zip(images, times_s, colour_fractions, strict=True)
        )


class _ClipAnswers:
    """The networks' answers on the frames of one clip; those to ``shared`` bundles are kept, in half precision.

    Every reader gets half precision, so that a module's answer does not depend on which others run.
    """

    def __init__(self, bundle: Callable[[str], Bundle], shared: set[str]) -> None:
        self._bundle, self._shared = bundle, shared
        self._bytes = 0

    def on(self, image: Image) -> Callable[[str], Prediction]:
        """Answers on one frame."""
        kept: dict[str, tuple[Prediction, NDArray[np.float16]]] = {}

        def infer(name: str) -> Prediction:
            if name not in kept:
                prediction = self._bundle(name).infer(image)
                answer = replace(prediction, values=_NO_VALUES), prediction.values.astype(np.float16)
                if name in self._shared and self._bytes + answer[1].nbytes <= MAX_SHARED_BYTES:
                    self._bytes += answer[1].nbytes
                    kept[name] = answer
            else:
                answer = kept[name]
            values = answer[1].astype(np.float32)
            values.setflags(write=False)
            return replace(answer[0], values=values)

        return infer


def clip_context(category: str, mm_per_pixel: float | None = None) -> AnalysisContext:
    """What a module may know about a clip; the networks' answers are with its frames (``Runtime.clip_frames``).

    Args:
        category: One of ``CATEGORIES``.
        mm_per_pixel: Spacing of the frames, if known.
    """

    def refuse(name: str) -> Prediction:
        raise ModuleContractError(f"{name}: a module that looks at clips asks its frames: frames[0].infer({name!r})")

    return AnalysisContext(category, refuse, mm_per_pixel)


def run_module(module: CadModule, image: Image | tuple[ClipFrame, ...], context: AnalysisContext) -> ModuleResult:
    """Run one module; whatever it does short of ending the process becomes a result.

    Args:
        module: Its ``scope`` says whether it wants one image or the frames of a clip.
        image: Gray, shape (height, width), uint8, or the frames of a clip; the module gets it read-only.
        context: From ``Runtime.context_for``.
    """
    given = _read_only(image)
    started = time.perf_counter()
    status: Literal["ok", "unsuitable", "failed", "unavailable"] = "ok"
    reason, findings = "", Findings()
    try:
        analyze: Any = module.analyze
        findings = module.check(analyze(given, context))
        _check_untouched(module, given)
        reason = f"doubtful: {findings.doubt}" if findings.doubt else ""
    except UnsuitableImage as error:
        status, reason, findings = "unsuitable", str(error), Findings()
    except ModelError as error:
        status, reason, findings = "unavailable", str(error), Findings()
    except Exception as error:  # the one broad except: a module must not take the others down
        log.warning("CAD module %s %s failed", module.name, module.version, exc_info=error)
        status, reason, findings = "failed", f"{type(error).__name__}: {error}", Findings()
    return ModuleResult(
        module=module.name,
        version=module.version,
        status=status,
        reason=_shortened(reason),
        duration_ms=(time.perf_counter() - started) * 1000,
        experimental=module.experimental,
        findings=findings,
    )


def _read_only(image: Image | tuple[ClipFrame, ...]) -> Image | tuple[ClipFrame, ...]:
    if isinstance(image, tuple):
        return tuple(replace(frame, image=_read_only_view(frame.image)) for frame in image)
    return _read_only_view(image)


def _read_only_view(image: Image) -> Image:
    view = image.view()
    view.setflags(write=False)
    return view


def _check_untouched(module: CadModule, given: Image | tuple[ClipFrame, ...]) -> None:
    """A read-only array can only be changed by first making it writeable, and that can be seen."""
    images = [frame.image for frame in given] if isinstance(given, tuple) else [given]
    if any(image.flags.writeable for image in images):
        raise ModuleContractError(f"{module.name}: made the image writeable; the other modules see it too")


def _shortened(reason: str) -> str:
    line = " ".join(reason.split())
    return line if len(line) <= MAX_REASON_CHARACTERS else line[: MAX_REASON_CHARACTERS - 3] + "..."
