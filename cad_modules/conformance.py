"""What every CAD module must hold to, as checks that its author can run: ``check_module(MODULE)``.

Pictures and network outputs are drawn (``phantoms.py``): blank, tiny, odd-sized, noisy and flat ones. No check says
that a measurement is right; the module's own tests do that.
"""

import inspect
import math
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any, Final, TypeAlias

import numpy as np

from cad_modules.contract import (
    WITHOUT_SPACING,
    AnalysisContext,
    CadModule,
    ClipFrame,
    Findings,
    Image,
    ModuleContractError,
    Overlay,
    UnsuitableImage,
)
from cad_modules.phantoms import BundleShape, outputs, pictures
from models.bundle import Prediction, find_bundle, read_card
from models.errors import ModelError

SPACING_MM: Final = 0.2
FRAME_S: Final = 0.05
CLIP_FRAMES: Final = 12
EDGE_TOLERANCE_PIXELS: Final = 2.0
"""Overlays may stand this far outside of the picture, whose first pixel's centre is (0, 0)."""
SCALING_TOLERANCE: Final = 1e-6
_POWER: Final = {"mm": 1, "mm2": 2, "ml": 3}
_PX3_TO_ML: Final = 1e-3
_WORDS: Final = r"[a-z][a-z0-9]*(_[a-z0-9]+)*"
_FEWEST_POINTS: Final = {"polygon": 3, "ellipse": 32, "line": 2, "box": 2, "heatmap": 2}


class NotConformantError(ModuleContractError):
    """A module breaks the contract; the text says which module, on which picture, and how."""


@dataclass(frozen=True, slots=True, eq=False)
class Example:
    """A picture that a module must be able to measure."""

    name: str
    images: tuple[Image, ...]
    """One for a module that looks at frames; the frames of a clip for one that looks at clips."""
    predictions: Mapping[str, Prediction] = field(default_factory=dict)
    """What each bundle says of it."""
    frame_predictions: tuple[Mapping[str, Prediction], ...] = ()
    """What each bundle says of each of a clip's frames; empty: ``predictions`` of every one."""
    frame_s: float = FRAME_S
    """From one frame of a clip to the next."""


def check_module(
    module: CadModule,
    examples: Iterable[Example] = (),
    bundles: Mapping[str, BundleShape] | None = None,
    bundle_folders: Iterable[Path] = (),
) -> None:
    """Run every check on a module.

    Args:
        module: The ``MODULE`` of a package.
        examples: Pictures that it can measure; every check runs on them too. Without any, a module that only ever says
            "unsuitable" on the drawn ones is not conformant: there was nothing to check.
        bundles: The shapes of bundles that have no card yet.
        bundle_folders: Where the other bundles' cards are looked for before the built-in ones.

    Raises:
        NotConformantError: The first check that fails.
    """
    check_declaration(module)
    cases = tuple(_cases(module, tuple(examples), _shapes(module, bundles or {}, tuple(bundle_folders))))
    answers = check_answers(cases)
    check_repeatable(answers)
    check_spacing(answers)


def check_declaration(module: CadModule) -> None:
    """Name, version, summary and features are such that a report can carry them."""
    if not re.fullmatch(_WORDS, module.name):
        raise NotConformantError(f"{module.name!r}: a module's name is lower-case words joined by underscores")
    if not re.fullmatch(r"\d+\.\d+\.\d+\S*", module.version):
        raise NotConformantError(f"{module.name}: version {module.version!r} is not like 1.0.0")
    if not module.summary.strip() or "\n" in module.summary:
        raise NotConformantError(f"{module.name}: the summary is one line of text")
    for feature, unit in module.features.items():
        if not re.fullmatch(_WORDS, feature) or not unit.strip():
            raise NotConformantError(f"{module.name}: feature {feature!r} in {unit!r}; a ratio's unit is '1'")
        if unit in WITHOUT_SPACING.values():
            raise NotConformantError(f"{module.name}: declare {feature} in mm, mm2 or ml; pixels are the fallback")
    if len(set(module.categories)) != len(module.categories):
        raise NotConformantError(f"{module.name}: a category is named twice")
    if len(inspect.signature(module.analyze).parameters) != 2:
        raise NotConformantError(f"{module.name}: analyze takes (image, context)")


@dataclass(frozen=True, slots=True, eq=False)
class Case:
    """A module before one picture, as one category, with or without spacing."""

    module: CadModule
    name: str
    images: tuple[Image, ...]
    predictions: Mapping[str, Prediction]
    category: str
    spacing: float | None
    must_answer: bool = False
    frame_predictions: tuple[Mapping[str, Prediction], ...] = ()
    """Of each frame of a clip; empty: ``predictions`` of every one."""
    times_s: tuple[float, ...] = ()
    """Of each frame of a clip."""
    colour_fraction: float = 0.0
    """Of each frame of a clip."""

    def __str__(self) -> str:
        spacing = "no spacing" if self.spacing is None else f"{self.spacing} mm per pixel"
        return f"{self.module.name} on {self.name!r} as {self.category} with {spacing}"

    def run(self) -> Findings | None:
        """The answer; None if the picture is unsuitable."""
        given: Any = self.images[0]
        infer = self._answers(self.predictions)
        if self.module.scope == "clip":
            given, infer = self._clip(), self._refuse
        analyze: Callable[[Any, AnalysisContext], Findings] = self.module.analyze
        try:
            return self.module.check(analyze(given, AnalysisContext(self.category, infer, self.spacing)))
        except UnsuitableImage as error:
            if not str(error).strip():
                raise NotConformantError(f"{self}: UnsuitableImage without a reason") from error
            if self.must_answer and self.spacing is not None:
                raise NotConformantError(f"{self}: an example is said to be unsuitable: {error}") from error
            return None
        except NotConformantError:
            raise
        except Exception as error:
            raise NotConformantError(f"{self}: raised {type(error).__name__}: {error}") from error

    def _clip(self) -> tuple[ClipFrame, ...]:
        predictions = self.frame_predictions or (self.predictions,) * len(self.images)
        return tuple(
            ClipFrame(image, time_s, self._answers(of_frame), self.colour_fraction)
            for image, time_s, of_frame in zip(self.images, self.times_s, predictions, strict=True)
        )

    def _answers(self, predictions: Mapping[str, Prediction]) -> Callable[[str], Prediction]:
        def infer(name: str) -> Prediction:
            if name not in predictions:
                raise NotConformantError(f"{self}: asked for the bundle {name!r}, which it does not declare")
            return predictions[name]

        return infer

    def _refuse(self, name: str) -> Prediction:
        raise NotConformantError(f"{self}: asked the context for {name!r}; of a clip, each frame is asked")


Answers: TypeAlias = tuple[tuple[Case, Findings | None], ...]
"""What a module said in each case; None where it called the picture unsuitable."""


def check_answers(cases: Iterable[Case]) -> Answers:
    """On every picture: declared findings, overlays inside, the picture untouched, no stray error."""
    answers = tuple((case, _checked_answer(case)) for case in cases)
    if not any(answer and answer.findings for _, answer in answers):
        raise NotConformantError("no picture gave a single finding: hand in an example that the module can measure")
    return answers


def check_repeatable(answers: Answers) -> None:
    """The same picture gives the same answer, whatever was analysed in between."""
    for case, expected in reversed(answers):
        if case.run() != expected:
            raise NotConformantError(f"{case}: a second run gave another answer: the module keeps state")


def check_spacing(answers: Answers) -> None:
    """Lengths, areas and volumes in mm, mm2 and ml are those in pixels times the spacing."""
    for (_, bare), (case, scaled) in pairwise(answers):
        if case.spacing is None:
            continue
        in_pixels = {finding.feature: finding.value for finding in (bare.findings if bare else ())}
        for finding in scaled.findings if scaled else ():
            if finding.unit not in _POWER or finding.feature not in in_pixels:
                continue
            factor = case.spacing ** _POWER[finding.unit] * (_PX3_TO_ML if finding.unit == "ml" else 1)
            expected = in_pixels[finding.feature] * factor
            if not math.isclose(finding.value, expected, rel_tol=SCALING_TOLERANCE, abs_tol=1e-9):
                raise NotConformantError(
                    f"{case}: {finding.feature} is {finding.value} {finding.unit}, its pixels make {expected}"
                )


def _checked_answer(case: Case) -> Findings | None:
    before = [image.tobytes() for image in case.images]
    answer = case.run()
    if [image.tobytes() for image in case.images] != before or any(image.flags.writeable for image in case.images):
        raise NotConformantError(f"{case}: the picture was changed or made writeable")
    if answer is not None:
        _check_findings(case, answer)
        for overlay in answer.overlays:
            _check_overlay(case, overlay)
    return answer


def _shapes(
    module: CadModule, known: Mapping[str, BundleShape], folders: tuple[Path, ...]
) -> tuple[tuple[str, BundleShape], ...]:
    shapes = []
    for name in module.models:
        try:
            shape = known[name] if name in known else BundleShape.of(read_card(find_bundle(name, folders)))
        except ModelError as error:
            raise NotConformantError(f"{module.name}: bundle {name!r} has no card and no shape was given") from error
        shapes.append((name, shape))
    return tuple(shapes)


def _cases(
    module: CadModule, examples: tuple[Example, ...], shapes: tuple[tuple[str, BundleShape], ...]
) -> Iterator[Case]:
    """Every picture with drawn outputs in turn, one picture with all of them, and the examples as every category.

    Each comes twice: without spacing, then with.
    """
    for example in examples:
        for category in module.categories:
            for spacing in (None, SPACING_MM):
                images = tuple(_read_only(image) for image in example.images)
                yield Case(
                    module,
                    example.name,
                    images,
                    example.predictions,
                    category,
                    spacing,
                    must_answer=True,
                    frame_predictions=example.frame_predictions,
                    times_s=tuple(number * example.frame_s for number in range(len(images))),
                )
    if module.scope == "clip":
        yield from _faulty_clips(module, examples)
    kinds = max((len(outputs(shape)) for _, shape in shapes), default=1)
    number = 0
    for name, image in pictures():
        for kind in range(kinds) if name == "tissue" else sorted({number % kinds, (number + 3) % kinds}):
            chosen = [(bundle, outputs(shape)[kind % len(outputs(shape))]) for bundle, shape in shapes]
            title = ", ".join((name, *(f"{bundle}: {drawn}" for bundle, (drawn, _) in chosen)))
            predictions = {bundle: prediction for bundle, (_, prediction) in chosen}
            category = module.categories[number % len(module.categories)]
            frames = _frames(module, image)
            times_s = tuple(index * FRAME_S for index in range(len(frames)))
            for spacing in (None, SPACING_MM):
                yield Case(module, title, frames, predictions, category, spacing, times_s=times_s)
            number += 1


def _faulty_clips(module: CadModule, examples: tuple[Example, ...]) -> Iterator[Case]:
    """The examples with one frame, times that stand still or go back, frames of another size, or in colour."""
    for example in examples:
        images = tuple(_read_only(image) for image in example.images)
        count, cut = len(images), tuple(_read_only(image[:-1, :-2]) for image in images[1::2])
        mixed = tuple(cut[index // 2] if index % 2 else image for index, image in enumerate(images))
        rising = tuple(index * example.frame_s for index in range(count))
        faults: tuple[tuple[str, tuple[Image, ...], tuple[float, ...], float], ...] = (
            ("one frame", images[:1], rising[:1], 0.0),
            ("two frames", images[:2], rising[:2], 0.0),
            ("one time", images, (0.0,) * count, 0.0),
            ("every time twice", images, tuple(rising[index // 2] for index in range(count)), 0.0),
            ("times that go back", images, rising[: count // 2] + rising[: count - count // 2], 0.0),
            ("falling times", images, rising[::-1], 0.0),
            ("frames of two sizes", mixed, rising, 0.0),
            ("coloured frames", images, rising, 0.3),
        )
        for name, frames, times_s, colour_fraction in faults:
            of_frames, title = example.frame_predictions[: len(frames)], f"{example.name}: {name}"
            for spacing in (None, SPACING_MM):
                yield Case(
                    module,
                    title,
                    frames,
                    example.predictions,
                    module.categories[0],
                    spacing,
                    frame_predictions=of_frames,
                    times_s=times_s,
                    colour_fraction=colour_fraction,
                )


def _frames(module: CadModule, image: Image) -> tuple[Image, ...]:
    if module.scope == "frame":
        return (image,)
    return tuple(_read_only(np.roll(image, number % 4, axis=1)) for number in range(CLIP_FRAMES))


def _read_only(image: Image) -> Image:
    image = image.copy()
    image.setflags(write=False)
    return image


def _check_findings(case: Case, answer: Findings) -> None:
    names = [finding.feature for finding in answer.findings]
    if len(set(names)) != len(names):
        raise NotConformantError(f"{case}: a feature is reported twice: {names}")
    for finding in answer.findings:
        declared = case.module.features[finding.feature]
        expected = WITHOUT_SPACING.get(declared, declared) if case.spacing is None else declared
        if finding.unit != expected:
            raise NotConformantError(f"{case}: {finding.feature} in {finding.unit}, expected {expected}")


def _check_overlay(case: Case, overlay: Overlay) -> None:
    where = f"{case}: overlay {overlay.kind} {overlay.label!r}"
    fewest = _FEWEST_POINTS.get(overlay.kind)
    if fewest is None or not overlay.label.strip():
        raise NotConformantError(f"{where}: unknown kind or no label")
    if len(overlay.points) < fewest or (fewest == 2 and len(overlay.points) > 2):
        raise NotConformantError(f"{where} has {len(overlay.points)} points, expected {fewest}")
    height, width = case.images[0].shape
    low, tolerance = -0.5, EDGE_TOLERANCE_PIXELS
    for x, y in overlay.points:  # NaN fails these comparisons too
        if not (low - tolerance <= x < width + low + tolerance and low - tolerance <= y < height + low + tolerance):
            raise NotConformantError(f"{where} has the point ({x}, {y}) outside of the {width} x {height} picture")
    if bool(overlay.values) != (overlay.kind == "heatmap"):
        raise NotConformantError(f"{where}: every heatmap has values, and nothing else has")
