"""What a CAD module is: a name, the categories it serves, its features, and one pure function."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from models.bundle import Prediction

Image: TypeAlias = NDArray[np.uint8]
"""Gray, shape (height, width), uint8, 0 black to 255 white, read-only."""

CATEGORIES: Final = (
    "us_lung",
    "us_breast",
    "us_fetal_head",
    "us_cardiac",
    "us_liver",
    "us_nerve",
    "xr_chest",
    "xr_knee",
    "xr_extremity",
)
ULTRASOUND: Final = tuple(name for name in CATEGORIES if name.startswith("us_"))
RADIOGRAPH: Final = tuple(name for name in CATEGORIES if name.startswith("xr_"))

WITHOUT_SPACING: Final = {"mm": "px", "mm2": "px2", "ml": "px3"}
"""The unit of a length, area or volume when the picture's spacing is not known."""

MM3_PER_ML: Final = 1000


class ModuleContractError(Exception):
    """A module or its answer is not what it declared: a bug of the module."""


class UnsuitableImage(Exception):
    """The picture cannot be analysed by this module; the text says why, for the person at the device."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One measured feature."""

    feature: str
    value: float
    unit: str
    """A unit of the module table, ``1`` for a ratio, score or probability."""
    interval: tuple[float, float] | None = None
    """Lower and upper bound, same unit, if the method gives one."""

    def __post_init__(self) -> None:
        numbers = (self.value, *(self.interval or ()))
        if not all(math.isfinite(number) for number in numbers):
            raise ModuleContractError(f"{self.feature}: {numbers} is not a finite number")
        if self.interval and self.interval[0] > self.interval[1]:
            raise ModuleContractError(f"{self.feature}: interval {self.interval} is upside down")


@dataclass(frozen=True, slots=True)
class Overlay:
    """Something to draw over the picture, so that a person can check a finding."""

    kind: Literal["polygon", "ellipse", "line", "box", "heatmap"]
    """Points: polygon, its corners; ellipse, 32 or more points on it; line, two ends; box, two opposite corners;
    heatmap, two opposite corners of the area that ``values`` covers."""
    label: str
    points: tuple[tuple[float, float], ...]
    """(x, y) in pixels of the image that the module was given."""
    values: tuple[tuple[float, ...], ...] = ()
    """Rows of a heatmap, 0 to 1; empty for the other kinds."""


@dataclass(frozen=True, slots=True)
class Findings:
    """A module's whole answer for one picture. Nothing found is an answer too: no findings."""

    findings: tuple[Finding, ...] = ()
    overlays: tuple[Overlay, ...] = ()
    doubt: str = ""
    """Why the findings are to be believed less than usual, for the person at the device; empty: nothing speaks against
    them."""


@dataclass(frozen=True, slots=True)
class AnalysisContext:
    """What a module may know beside the picture."""

    category: str
    """One of ``CATEGORIES``."""
    infer: Callable[[str], Prediction]
    """Runs the named model bundle on this picture, once however many modules ask. A module that looks at clips asks
    each of its frames instead."""
    mm_per_pixel: float | None = None
    """Spacing of the picture, if its source knows it."""
    colour_fraction: float = 0.0
    """Part of the picture that was coloured before it was made gray, 0 to 1: much of it in colour Doppler."""

    def length(self, feature: str, pixels: float, interval: tuple[float, float] | None = None) -> Finding:
        """A length in mm, or in px without spacing."""
        return self._scaled(feature, pixels, interval, "mm", 1)

    def area(self, feature: str, pixels: float, interval: tuple[float, float] | None = None) -> Finding:
        """An area in mm2, or in px2 without spacing."""
        return self._scaled(feature, pixels, interval, "mm2", 2)

    def volume(self, feature: str, pixels: float, interval: tuple[float, float] | None = None) -> Finding:
        """A volume in ml, or in px3 without spacing."""
        return self._scaled(feature, pixels, interval, "ml", 3)

    def _scaled(
        self, feature: str, pixels: float, interval: tuple[float, float] | None, unit: str, power: int
    ) -> Finding:
        if self.mm_per_pixel is None:
            return Finding(feature, pixels, WITHOUT_SPACING[unit], interval)
        factor = self.mm_per_pixel**power / (MM3_PER_ML if unit == "ml" else 1)
        scaled = None if interval is None else (interval[0] * factor, interval[1] * factor)
        return Finding(feature, pixels * factor, unit, scaled)


def _no_bundles(name: str) -> Prediction:
    raise ModuleContractError(f"this picture has no answer of the model bundle {name!r}")


@dataclass(frozen=True, slots=True)
class ClipFrame:
    """One picture of a clip."""

    image: Image
    time_s: float
    """Since the clip's first picture."""
    infer: Callable[[str], Prediction] = _no_bundles
    """Runs the named model bundle on this picture, once however many modules ask."""
    colour_fraction: float = 0.0
    """Part of the picture that was coloured before it was made gray, 0 to 1: much of it in colour Doppler."""


FrameAnalysis: TypeAlias = Callable[[Image, AnalysisContext], Findings]
ClipAnalysis: TypeAlias = Callable[[tuple[ClipFrame, ...], AnalysisContext], Findings]
"""The frames are those of one view, at least one, of one size, in the order of their times."""


@dataclass(frozen=True, slots=True)
class CadModule:
    """One CAD module, as it stands under the entry-point group ``cad_modules``."""

    name: str
    version: str
    summary: str
    """One line: what it measures."""
    categories: tuple[str, ...]
    features: Mapping[str, str]
    """Feature name -> unit; ``mm``, ``mm2`` and ``ml`` become ``px``, ``px2`` and ``px3`` without spacing."""
    analyze: FrameAnalysis | ClipAnalysis
    scope: Literal["frame", "clip"] = "frame"
    looks_at: Literal["picture", "screen"] = "picture"
    """``picture``: the picture area alone; ``screen``: the whole frame with the scanner's text (not of clips)."""
    models: tuple[str, ...] = ()
    """Names of the model bundles that it asks ``context.infer`` for."""
    experimental: bool = field(default=True)
    """False only for a module whose README shows its validation against labels."""

    def __post_init__(self) -> None:
        unknown = set(self.categories) - set(CATEGORIES)
        if unknown or not self.categories:
            raise ModuleContractError(f"{self.name}: categories {sorted(unknown)} are unknown; there are {CATEGORIES}")
        if self.scope == "clip" and self.looks_at == "screen":
            raise ModuleContractError(f"{self.name}: clip modules get the picture area, not the screen")
        if not self.features:
            raise ModuleContractError(f"{self.name}: declares no features")

    def check(self, answer: object) -> Findings:
        """The answer, if it holds only what the module declared.

        Raises:
            ModuleContractError: It does not.
        """
        if not isinstance(answer, Findings):
            raise ModuleContractError(f"{self.name}: returned {type(answer).__name__} instead of Findings")
        for finding in answer.findings:
            unit = self.features.get(finding.feature)
            if unit is None:
                raise ModuleContractError(f"{self.name}: feature {finding.feature!r} is not declared")
            if finding.unit not in (unit, WITHOUT_SPACING.get(unit, unit)):
                raise ModuleContractError(f"{self.name}: {finding.feature} in {finding.unit!r}, declared {unit!r}")
        return answer
