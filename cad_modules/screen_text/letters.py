"""Find pieces of a picture that look like letters: narrow strokes with the sharp edges of graphics."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from cad_modules.contract import Image

STROKE_SIDE: Final = 9
"""Pixels; strokes of letters are narrower than this, most anatomy is wider."""
CONTRASTS: Final = (45, 100)
"""Gray levels between a stroke and what is around it: at the first dim print is found, at the second letters are free
from the echoes that they touch."""
HEIGHT_RANGE: Final = (6, 64)
"""Of a letter, in pixels."""
WIDEST_PIECE: Final = 16.0
"""Width over height: letters of small print touch, so a word can be one piece."""
FILL_RANGE: Final = (0.15, 1.0)
"""Part of a piece's box that is stroke."""
SMALLEST_SHARPNESS: Final = 0.65
"""Step across the stroke's border (three pixels) over its contrast.

Graphics change within a pixel or two, echoes and bones over more: letters on the training screens have a median of 0.8
to 0.97, anatomy one of 0.45 to 0.59. Of 0.65 and 0.70 the one that found more written lines on the val split."""
LETTER_WIDTH: Final = 0.7
"""Mean width over height of a letter with the gap after it."""
CROSSINGS_PER_LETTER: Final = 0.9
"""Strokes that a horizontal line meets, at least, in each letter of a word that is one piece."""
MOST_PIECES: Final = 1500
"""Noise has more; no screen has as many letters."""


@dataclass(frozen=True, slots=True)
class Piece:
    """A letter, or several that touch; pixels of the searched picture."""

    x: int
    y: int
    width: int
    height: int
    letters: int
    """How many it probably is."""
    tone: float
    """Median gray level of its strokes."""


def find_pieces(gray: Image) -> Iterator[tuple[bool, list[Piece]]]:
    """Whether letters are bright, and every piece that looks like such letters; once for each contrast.

    Args:
        gray: Shape (height, width), uint8.
    """
    square, small = np.ones((STROKE_SIDE, STROKE_SIDE), np.uint8), np.ones((3, 3), np.uint8)
    step = np.asarray(cv2.morphologyEx(gray, cv2.MORPH_GRADIENT, small), np.uint8)
    for operation in (cv2.MORPH_TOPHAT, cv2.MORPH_BLACKHAT):
        contrast = np.asarray(cv2.morphologyEx(gray, operation, square), np.uint8)
        for smallest_contrast in CONTRASTS:
            strokes = np.asarray(cv2.threshold(contrast, smallest_contrast - 1, 1, cv2.THRESH_BINARY)[1], np.uint8)
            yield operation == cv2.MORPH_TOPHAT, _pieces(gray, contrast, step, strokes)


def _pieces(
    gray: Image, contrast: NDArray[np.uint8], step: NDArray[np.uint8], strokes: NDArray[np.uint8]
) -> list[Piece]:
    contours, _ = cv2.findContours(strokes, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
    boxes = [box for box in map(cv2.boundingRect, contours) if _has_letter_shape(box[2], box[3])]
    if len(boxes) > MOST_PIECES:
        return []
    pieces = []
    for x, y, width, height in boxes:
        part = np.s_[y : y + height, x : x + width]
        piece = _piece((x, y, width, height), gray[part], contrast[part], strokes[part], step[part])
        if piece is not None:
            pieces.append(piece)
    return pieces


def _has_letter_shape(width: int, height: int) -> bool:
    return HEIGHT_RANGE[0] <= height <= HEIGHT_RANGE[1] and width <= WIDEST_PIECE * height


def _piece(
    box: tuple[int, int, int, int],
    gray: NDArray[np.uint8],
    contrast: NDArray[np.uint8],
    strokes: NDArray[np.uint8],
    step: NDArray[np.uint8],
) -> Piece | None:
    x, y, width, height = box
    area = int(np.count_nonzero(strokes))
    if not FILL_RANGE[0] <= area / (width * height) <= FILL_RANGE[1]:
        return None
    inner = cv2.erode(strokes, np.ones((3, 3), np.uint8), borderType=cv2.BORDER_CONSTANT, borderValue=0)
    on_border = strokes > inner
    if float(step[on_border].mean()) < SMALLEST_SHARPNESS * int(contrast.max()):
        return None
    letters = max(1, round(width / height / LETTER_WIDTH))
    if letters > 1:
        begins = np.count_nonzero(np.diff(strokes.astype(np.int8), axis=1, prepend=0) > 0)
        if begins < CROSSINGS_PER_LETTER * letters * height:
            return None  # a line or a bar
    return Piece(x, y, width, height, letters, float(np.median(gray[strokes > 0])))
