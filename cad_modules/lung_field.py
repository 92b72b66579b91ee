"""What lies behind the pleural line of a lung ultrasound picture, unrolled along the beams and level with the line."""

from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from cad_modules.beams import BEAMS, DEPTHS, Array
from cad_modules.contract import AnalysisContext, Image, UnsuitableImage
from cad_modules.pleura import PleuralLine, find_pleural_line
from cad_modules.sonogram import refuse_unusable

SURE_OF_LINE: Final = 0.5
"""Confidence from which a pleural line is taken for one; 1 in 100 frames of the training clips has less."""
FEWEST_ROWS: Final = 60
"""Rows (of 256) behind the line that must be seen."""


@dataclass(frozen=True, slots=True, eq=False)
class LungField:
    """The lung's side of the picture: row 0 is the pleural line, each column a beam."""

    line: PleuralLine
    image: Array
    """Gray levels, shape (DEPTHS, BEAMS)."""
    inside: NDArray[np.bool_]
    """Where the picture shows the scan."""
    rows: Array
    """Row of the unrolled picture at which each beam meets the line, shape (BEAMS,)."""
    brightest: float
    """99th percentile of the scan's gray levels, plus 1."""

    @property
    def last(self) -> NDArray[np.int64]:
        """Row at which each beam ends, 0 where it shows nothing, shape (BEAMS,)."""
        ends = DEPTHS - np.argmax(self.inside[::-1], axis=0)
        return np.where(self.inside.any(axis=0), ends, 0)

    def place(self, beam: float, row: float) -> tuple[float, float]:
        """A beam and a row behind the line as (x, y) in pixels of the picture."""
        depth = row + float(np.interp(beam, np.arange(BEAMS), self.rows))
        x, y = self.line.fan.to_picture(np.array([beam]), np.array([depth]))[0]
        return float(x), float(y)


def find_line(image: Image, context: AnalysisContext) -> PleuralLine:
    """The pleural line.

    Raises:
        UnsuitableImage: The picture is unusable, or no pleural line stands out.
    """
    refuse_unusable(image, context)
    line = find_pleural_line(image)
    if line is None or line.confidence < SURE_OF_LINE:
        raise UnsuitableImage("no pleural line is visible")
    return line


def find_field(image: Image, context: AnalysisContext) -> LungField:
    """The lung behind the pleural line.

    Raises:
        UnsuitableImage: There is no pleural line, or too little is seen behind it.
    """
    line = find_line(image, context)
    unrolled = line.unrolled
    rows = np.interp(np.arange(BEAMS), line.beams, line.depths).astype(np.float32)
    down = np.arange(DEPTHS, dtype=np.float32)[:, np.newaxis] + rows
    across = np.broadcast_to(np.arange(BEAMS, dtype=np.float32), down.shape).copy()
    level = cv2.remap(unrolled.image, across, down, cv2.INTER_LINEAR, borderValue=0)
    inside = cv2.remap(unrolled.inside.astype(np.uint8), across, down, cv2.INTER_NEAREST, borderValue=0)
    brightest = float(np.percentile(unrolled.image[unrolled.inside], 99)) + 1
    field = LungField(line, np.asarray(level, np.float32), np.asarray(inside, np.uint8) > 0, rows, brightest)
    if float(np.median(field.last)) < FEWEST_ROWS:
        raise UnsuitableImage("too little of the lung is seen behind the pleural line")
    return field
