"""Keep the picture that a report was made from, and what made it, so that the report can be made again."""

import hashlib
import importlib.metadata
import platform
from collections.abc import Mapping
from typing import Final, Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from cad_modules.contract import CadModule
from edge_app.errors import EdgeCadError
from edge_app.messages import FrameInfo, Message, ModelInfo, Sha256
from edge_app.records import Analysis, Box, Evidence, Frame, Picture

PICTURE: Final = "picture.png"
PROVENANCE: Final = "provenance.json"
TEXT_LABEL: Final = "text"
"""Overlays of kind ``box`` with this label are lines of text; any module may find them."""
TEXT_MARGIN: Final = 2
"""Pixels around a box that are blackened too: letters stand out of their boxes."""
ONE_FILTER: Final = (cv2.IMWRITE_PNG_FILTER, cv2.IMWRITE_PNG_FILTER_UP) if hasattr(cv2, "IMWRITE_PNG_FILTER") else ()
PNG_SETTINGS: Final = (cv2.IMWRITE_PNG_COMPRESSION, 1, *ONE_FILTER)
"""The fastest compression with one filter for all rows (OpenCV >= 4.12): half the time of trying every filter, for 4 %
more bytes."""
COMPUTING: Final = ("edge-cad", "numpy", "opencv-python-headless", "ai-edge-litert", "tflite-runtime")
"""Packages whose version can change a result."""


class PictureBox(Message):
    """A rectangle in pixels, (x, y) its upper left corner."""

    x: int
    y: int
    width: int
    height: int


class Provenance(Message):
    """What a report was made from and by."""

    schema_name: Literal["edge-cad/provenance/1"] = "edge-cad/provenance/1"
    state: Literal["live", "still", "no_signal", "blank"]
    """Of the screen."""
    reason: str
    frame_width: int
    frame_height: int
    area: PictureBox
    """The picture area; what is kept of the frame."""
    mm_per_pixel: float | None
    picture_sha256: Sha256 | None
    """Of the kept pixels, rows from the top, BGR or gray; null: no picture was kept."""
    not_kept: str = ""
    """Why there is no picture."""
    masked: tuple[PictureBox, ...] = ()
    """Text within the kept picture that was blackened, in pixels of the frame."""
    whole_frame: bool
    """The frame is kept as it was, with all that was on the screen."""
    software: Mapping[str, str]
    """Package -> version, and the machine."""
    models: tuple[ModelInfo, ...]
    """The bundles that were installed."""
    settings: Mapping[str, float | str | None]
    """Keys of the configuration that decide on results."""


class PictureEvidence:
    """Makes the evidence of a report.

    Args:
        models: The bundles in use.
        settings: Keys of the configuration that decide on results, for the record.
        mask_text: Blacken the text that a module found; no picture is kept where none looked for it.
    """

    def __init__(
        self, models: tuple[ModelInfo, ...], settings: Mapping[str, float | str | None], mask_text: bool = True
    ) -> None:
        self._models, self._settings, self._mask_text = models, settings, mask_text
        self._software = software()

    def make(
        self, picture: Picture, modules: tuple[CadModule, ...], analyses: tuple[Analysis, ...]
    ) -> tuple[Evidence, ...]:
        """The picture area as PNG, without the text in it, and its provenance.

        Args:
            picture: What was classified and analysed.
            modules: That were to run.
            analyses: What they said.
        """
        frame, area = picture.frame, picture.area
        height, width = frame.pixels.shape[:2]
        kept, not_kept = picture.pixels, ""
        masked: tuple[Box, ...] = ()
        if self._mask_text:
            if _text_was_looked_for(modules, analyses):
                kept, masked = _masked(picture, analyses)
            else:
                not_kept = "nothing looked for text in it: store.mask_text = false keeps such pictures too"
        provenance = Provenance(
            state=picture.state,
            reason=picture.reason,
            frame_width=width,
            frame_height=height,
            area=_message(area),
            mm_per_pixel=frame.mm_per_pixel,
            picture_sha256=None if not_kept else digest(kept),
            not_kept=not_kept,
            masked=tuple(_message(box) for box in masked),
            whole_frame=not not_kept and not masked and (area.width, area.height) == (width, height),
            software=self._software,
            models=self._models,
            settings=self._settings,
        )
        about = Evidence(PROVENANCE, "application/json", provenance.to_json().encode())
        if not_kept:
            return (about,)
        ok, png = cv2.imencode(".png", kept, PNG_SETTINGS)
        if not ok:
            raise EdgeCadError("the picture cannot be written as PNG")
        return (Evidence(PICTURE, "image/png", png.tobytes()), about)


def read_provenance(evidence: list[Evidence]) -> Provenance | None:
    """What is known of how a report was made; None for a report without evidence."""
    found = next((item for item in evidence if item.name == PROVENANCE), None)
    return None if found is None else Provenance.from_json(found.content)


def read_picture(evidence: list[Evidence], provenance: Provenance) -> NDArray[np.uint8]:
    """The kept pixels.

    Raises:
        EdgeCadError: They are missing, or not those that were kept.
    """
    content = next((item.content for item in evidence if item.name == PICTURE), b"")
    decoded = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_UNCHANGED) if content else None
    if decoded is None or digest(pixels := np.asarray(decoded, np.uint8)) != provenance.picture_sha256:
        raise EdgeCadError("the kept picture is missing or damaged")
    return pixels


def digest(pixels: NDArray[np.uint8]) -> str:
    """SHA-256 of the pixels, rows from the top."""
    return hashlib.sha256(np.ascontiguousarray(pixels).data).hexdigest()


def picture_again(pixels: NDArray[np.uint8], provenance: Provenance, info: FrameInfo, source: str) -> Picture:
    """The picture as it was analysed; what the frame showed around it is black.

    Args:
        pixels: As kept.
        provenance: Says where they belong.
        info: Of the report.
        source: Of the report.
    """
    area = provenance.area
    whole = np.zeros((provenance.frame_height, provenance.frame_width, *pixels.shape[2:]), np.uint8)
    whole[area.y : area.y + area.height, area.x : area.x + area.width] = pixels
    frame = Frame(whole, info.sequence, 0, info.captured_at, source, mm_per_pixel=provenance.mm_per_pixel)
    return Picture(frame, provenance.state, provenance.reason, Box(area.x, area.y, area.width, area.height))


def software() -> dict[str, str]:
    """The packages and the machine that results come from."""
    found = {"machine": platform.machine(), "python": platform.python_version()}
    for name in COMPUTING:
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return found


def _text_was_looked_for(modules: tuple[CadModule, ...], analyses: tuple[Analysis, ...]) -> bool:
    """A module that sees the whole screen ran, and is one of those that mark text."""
    screen = {module.name for module in modules if module.looks_at == "screen" and "text_box_count" in module.features}
    return any(analysis.module in screen and analysis.status == "ok" for analysis in analyses)


def _masked(picture: Picture, analyses: tuple[Analysis, ...]) -> tuple[NDArray[np.uint8], tuple[Box, ...]]:
    """The picture area with its text blackened, and where that was."""
    area = picture.area
    kept = picture.pixels
    boxes: list[Box] = []
    for overlay in (overlay for analysis in analyses for overlay in analysis.overlays):
        if overlay.kind != "box" or overlay.label != TEXT_LABEL:
            continue
        (x0, y0), (x1, y1) = overlay.points
        left, right = sorted((x0, x1))
        top, bottom = sorted((y0, y1))
        left, top = max(area.x, int(left) - TEXT_MARGIN), max(area.y, int(top) - TEXT_MARGIN)
        right = min(area.x + area.width, int(right) + 1 + TEXT_MARGIN)
        bottom = min(area.y + area.height, int(bottom) + 1 + TEXT_MARGIN)
        if left >= right or top >= bottom:
            continue
        if not boxes:
            kept = kept.copy()
        boxes.append(Box(left, top, right - left, bottom - top))
        kept[top - area.y : bottom - area.y, left - area.x : right - area.x] = 0
    return kept, tuple(boxes)


def _message(box: Box) -> PictureBox:
    return PictureBox(x=box.x, y=box.y, width=box.width, height=box.height)
