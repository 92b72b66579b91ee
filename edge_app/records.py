"""Everything that passes between the stages of the pipeline."""

from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Final, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from cad_modules.contract import CadModule, Finding, Overlay
from cad_modules.registry import UnusableModule

CHOSEN: Final = "chosen by a person"
"""Why a picture has a category that no network gave it."""


Change: TypeAlias = Literal["same", "moving", "cut"]
"""``same``: nothing changed; ``moving``: the same view, changed; ``cut``: another view, or the first frame."""


@dataclass(frozen=True, slots=True)
class Box:
    """A rectangle in pixels, (x, y) its upper left corner."""

    x: int
    y: int
    width: int
    height: int

    def __post_init__(self) -> None:
        if self.x < 0 or self.y < 0 or self.width < 1 or self.height < 1:
            raise ValueError(f"not a rectangle inside a picture: {self}")


@dataclass(frozen=True, slots=True, eq=False)
class Frame:
    """One picture as it came from its source."""

    pixels: NDArray[np.uint8]
    """Shape (height, width) gray or (height, width, 3) BGR; made read-only here."""
    sequence: int
    """Counts the pictures that the source gave, from 0; a gap is a dropped picture."""
    captured_ns: int
    """Monotonic clock of this boot."""
    captured_at: datetime
    """Wall time, with zone."""
    source: str
    """The source as given by the user: a path, a device, a URL without credentials."""
    clip_id: str | None = None
    """Frames of one clip (file, view) share it; None for a still picture."""
    time_s: float = 0.0
    """Position in the clip, from its own timestamps where it has them."""
    mm_per_pixel: float | None = None
    """Spacing, if the source knows it and it is the same in both directions."""
    signal: Literal["present", "absent", "unstable", "out of range", "unknown"] = "unknown"
    """What the driver of a capture card says of its input; without a signal it may go on giving good-looking frames."""
    picture_area: Box | None = None
    """Where the picture is in the frame, if the source knows it (a DICOM ultrasound region)."""

    def __post_init__(self) -> None:
        shape = self.pixels.shape
        if self.pixels.dtype != np.uint8 or not (len(shape) == 2 or (len(shape) == 3 and shape[2] == 3)) or 0 in shape:
            raise ValueError(f"a frame is (height, width) or (height, width, 3) uint8, not {shape} {self.pixels.dtype}")
        if self.captured_at.tzinfo is None:
            raise ValueError("captured_at needs a time zone")
        if self.mm_per_pixel is not None and not 0 < self.mm_per_pixel < 100:
            raise ValueError(f"mm_per_pixel {self.mm_per_pixel} is not a spacing")
        self.pixels.setflags(write=False)

    def without_pixels(self) -> "Frame":
        """All that is known of it, for those who keep it long: megabytes less."""
        return replace(self, pixels=np.zeros((1, 1), np.uint8), picture_area=None)


@dataclass(frozen=True, slots=True, eq=False)
class Picture:
    """What the screen shows: a frame, its state and the part of it that is the picture."""

    frame: Frame
    state: Literal["live", "still", "no_signal", "blank"]
    """``no_signal`` and ``blank`` never yield a result."""
    reason: str
    """The state in plain words."""
    area: Box
    """The picture area, in pixels of the frame."""

    @property
    def pixels(self) -> NDArray[np.uint8]:
        """The picture area alone, gray or BGR, read-only."""
        box = self.area
        return self.frame.pixels[box.y : box.y + box.height, box.x : box.x + box.width]


@dataclass(frozen=True, slots=True, eq=False)
class Clip:
    """The latest pictures of a view, made small for the modules that look at motion."""

    images: tuple[NDArray[np.uint8], ...]
    """The picture area, gray, all of one shape (height, width), read-only."""
    times_s: tuple[float, ...]
    """Of each, rising, from 0."""
    colour_fractions: tuple[float, ...]
    """Of each, the part of its pixels that was coloured, 0 to 1."""
    area: Box
    """Where they lie, in pixels of the frame."""
    reduction: int
    """Pixels of the frame, in both directions, that one pixel of an image is the mean of."""
    mm_per_pixel: float | None
    """Spacing of the images, if the source knows it."""

    def __post_init__(self) -> None:
        if not len(self.images) == len(self.times_s) == len(self.colour_fractions) > 0:
            raise ValueError("a clip has one image or more, and a time and a colour fraction for each")


@dataclass(frozen=True, slots=True)
class CategoryScore:
    """The probability of one category."""

    category: str
    probability: float


@dataclass(frozen=True, slots=True)
class ModelIdentity:
    """Which network said it."""

    name: str
    version: str
    sha256: str


@dataclass(frozen=True, slots=True)
class Classification:
    """What the router makes of a picture."""

    decision: Literal["accepted", "ambiguous", "rejected"]
    category: str | None
    """The accepted category; None otherwise."""
    reason: str
    prediction_set: tuple[str, ...]
    """The categories whose modules run."""
    scores: tuple[CategoryScore, ...]
    """Every category, most probable first; they sum to 1. Empty if the network was not run."""
    ood_score: float
    """0: like the training pictures; 1: nothing that the router knows."""
    model: ModelIdentity
    head: Literal["softmax", "svm"] = "softmax"
    chosen_by: Literal["operator", "technician"] | None = None
    """A person with this role chose the category, in place of the router; the scores are still the router's."""

    def __post_init__(self) -> None:
        probabilities = [score.probability for score in self.scores]
        if probabilities != sorted(probabilities, reverse=True):
            raise ValueError("scores are sorted, most probable first")
        if (self.decision == "accepted") != (self.category is not None):
            raise ValueError(f"decision {self.decision} with category {self.category}")


@dataclass(frozen=True, slots=True)
class Choice:
    """What a person says that a picture shows."""

    category: str
    role: Literal["operator", "technician"]

    def applied_to(self, classification: Classification) -> Classification:
        """The classification with that category; the network's scores stay as they were."""
        return replace(
            classification,
            decision="accepted",
            category=self.category,
            reason=CHOSEN,
            prediction_set=(self.category,),
            chosen_by=self.role,
        )


@dataclass(frozen=True, slots=True)
class Plan:
    """Which modules run on a picture, and as what."""

    modules: tuple[CadModule, ...] = ()
    categories: tuple[str, ...] = ()
    """For each module, the category that it is told."""
    unusable: tuple[UnusableModule, ...] = ()
    """Modules of the same categories that cannot be used here."""


@dataclass(frozen=True, slots=True)
class Analysis:
    """One module's entry in the report."""

    module: str
    version: str
    status: Literal["ok", "unsuitable", "failed", "timed_out", "unavailable"]
    reason: str
    """Why, in plain words; for ``ok`` empty, or why the findings are doubtful."""
    duration_ms: float
    experimental: bool
    findings: tuple[Finding, ...] = ()
    overlays: tuple[Overlay, ...] = field(default=())
    """Points in pixels of the frame."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """A file kept beside a report, such as the picture that it is about."""

    name: str
    media_type: str
    content: bytes
