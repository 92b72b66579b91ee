"""Find text on a scanner's screen or burnt into a picture."""

from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np

from cad_modules.contract import AnalysisContext, Finding, Findings, Image, Overlay
from cad_modules.screen_text.letters import Piece, find_pieces

LONGEST_SIDE: Final = 1280
"""Larger screens are searched at this size: their text is larger too."""
FEWEST_LETTERS: Final = 3
"""In a line, on any ground."""
FEWEST_LETTERS_ON_FLAT_GROUND: Final = 2
"""In a line outside of the picture area, where the ground is one colour and anatomy cannot pass for letters; of bright
letters only: the corner between two lines looks like a dark one."""
FLAT_GROUND: Final = 3.0
"""Gray levels; median deviation of a ground of one colour, traces of JPEG and parts of other lines included."""
WIDEST_GAP: Final = 1.1
"""Between neighbours of one line, over the height of the taller one."""
WIDEST_WORD_GAP: Final = 3.0
"""Between a short word and the line that it belongs to, over the height of the taller one."""
LARGEST_OFFSET: Final = 0.5
"""Between the centres' heights, over the height of the taller one."""
LARGEST_HEIGHT_RATIO: Final = 2.2
"""Between neighbours: a capital beside a small letter."""
LARGEST_TONE_STEP: Final = 45.0
"""Gray levels between the strokes of neighbours: a line is written in one colour."""
MARGIN: Final = 1
"""Pixels around a line, so that a mask covers the soft edges of its letters."""


@dataclass(frozen=True, slots=True)
class TextBox:
    """A line of text; first and last column and row, in pixels of the image."""

    left: float
    top: float
    right: float
    bottom: float


def analyze(image: Image, context: AnalysisContext) -> Findings:
    """Find lines of two or more letters.

    Args:
        image: Gray, shape (height, width), uint8; the whole screen.
        context: Not used; the method is the same for every category.

    Returns:
        ``text_box_count`` (lines) and ``text_area_fraction`` (0 to 1, of the whole image), with a box for every line,
        labelled ``text``. No text is an answer: both are 0.

    Source: strokes by the morphological top hat, after Hasan and Karam, IEEE Trans Image Processing 2000;9:1978-1983;
    grouping into lines after Epshtein et al., CVPR 2010, section 4. The constants are from the training screens.
    """
    boxes = find_text(image)
    covered = np.zeros(image.shape, np.uint8)
    for box in boxes:
        covered[int(box.top) : int(box.bottom) + 1, int(box.left) : int(box.right) + 1] = 1
    return Findings(
        findings=(
            Finding("text_box_count", float(len(boxes)), "1"),
            Finding("text_area_fraction", float(covered.mean()), "1"),
        ),
        overlays=tuple(Overlay("box", "text", ((box.left, box.top), (box.right, box.bottom))) for box in boxes),
    )


def find_text(image: Image) -> list[TextBox]:
    """Every line of text, from top to bottom."""
    scale = max(max(image.shape) / LONGEST_SIDE, 1.0)
    gray = image
    if scale > 1:
        size = (max(round(image.shape[1] / scale), 1), max(round(image.shape[0] / scale), 1))
        gray = np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_LINEAR), np.uint8)
    found = [
        _box(line, gray, image)
        for bright, pieces in find_pieces(gray)
        for line in _text_lines(_lines(pieces), gray, FEWEST_LETTERS_ON_FLAT_GROUND if bright else FEWEST_LETTERS)
    ]
    return sorted(_joined(found), key=lambda box: (box.top, box.left))


def _text_lines(lines: list[list[Piece]], gray: Image, fewest_on_flat_ground: int) -> list[list[Piece]]:
    """The lines that are text: by themselves, or short words beside such a line."""
    accepted = [line for line in lines if _is_text(line, gray, fewest_on_flat_ground)]
    ends = [(min(line, key=lambda piece: piece.x), max(line, key=lambda piece: piece.x)) for line in accepted]
    rest = [line for line in lines if line not in accepted]
    beside = [
        line
        for line in rest
        if any(_are_neighbours(line[-1], first, WIDEST_WORD_GAP) for first, _ in ends)
        or any(_are_neighbours(last, line[0], WIDEST_WORD_GAP) for _, last in ends)
    ]
    return accepted + beside


def _joined(boxes: list[TextBox]) -> list[TextBox]:
    """Boxes of one line as one: parts of it were found at different contrasts, and the gaps in it as dark letters."""
    rest, joined = list(boxes), []
    while rest:
        box = rest.pop()
        parts = [other for other in rest if _are_one_line(box, other)]
        if parts:
            rest = [other for other in rest if other not in parts]
            rest.append(_around([box, *parts]))  # may now touch more
        else:
            joined.append(box)
    return joined


def _are_one_line(box: TextBox, other: TextBox) -> bool:
    lower = min(box.bottom - box.top, other.bottom - other.top) + 1
    overlap = min(box.bottom, other.bottom) - max(box.top, other.top) + 1
    gap = max(box.left, other.left) - min(box.right, other.right)
    return overlap > lower / 2 and gap <= WIDEST_GAP * lower


def _around(boxes: list[TextBox]) -> TextBox:
    return TextBox(
        left=min(box.left for box in boxes),
        top=min(box.top for box in boxes),
        right=max(box.right for box in boxes),
        bottom=max(box.bottom for box in boxes),
    )


def _lines(pieces: list[Piece]) -> list[list[Piece]]:
    """Pieces that stand side by side, like letters of one line."""
    pieces = sorted(pieces, key=lambda piece: piece.x)
    line_of: list[int] = list(range(len(pieces)))

    def root(number: int) -> int:
        while line_of[number] != number:
            line_of[number] = line_of[line_of[number]]
            number = line_of[number]
        return number

    reach = max((piece.height for piece in pieces), default=0) * WIDEST_GAP
    rights = [piece.x + piece.width for piece in pieces]
    widest = max((piece.width for piece in pieces), default=0)
    for number, piece in enumerate(pieces):
        for other in range(number - 1, -1, -1):
            if piece.x - pieces[other].x > reach + widest:
                break
            if piece.x - rights[other] <= reach and _are_neighbours(pieces[other], piece):
                line_of[root(number)] = root(other)
    lines: dict[int, list[Piece]] = {}
    for number, piece in enumerate(pieces):
        lines.setdefault(root(number), []).append(piece)
    return list(lines.values())


def _are_neighbours(left: Piece, right: Piece, widest_gap: float = WIDEST_GAP) -> bool:
    taller, lower = max(left.height, right.height), min(left.height, right.height)
    gap = right.x - (left.x + left.width)
    offset = abs((left.y + left.height / 2) - (right.y + right.height / 2))
    return (
        -0.5 * lower <= gap <= widest_gap * taller
        and offset <= LARGEST_OFFSET * taller
        and taller <= LARGEST_HEIGHT_RATIO * lower
        and abs(left.tone - right.tone) <= LARGEST_TONE_STEP
    )


def _is_text(line: list[Piece], gray: Image, fewest_on_flat_ground: int) -> bool:
    letters = sum(piece.letters for piece in line)
    if letters >= FEWEST_LETTERS:
        return True
    return letters >= fewest_on_flat_ground and _has_flat_ground(line, gray)


def _has_flat_ground(line: list[Piece], gray: Image) -> bool:
    """Whether the frame around a line is of one colour."""
    top, bottom = min(piece.y for piece in line), max(piece.y + piece.height for piece in line)
    left, right = min(piece.x for piece in line), max(piece.x + piece.width for piece in line)
    outer = gray[max(top - 4, 0) : bottom + 4, max(left - 4, 0) : right + 4].astype(np.float32)
    around = np.ones(outer.shape, np.bool_)
    around[min(top, 4) - 2 : outer.shape[0] - 2, min(left, 4) - 2 : outer.shape[1] - 2] = False
    ground = outer[around]
    return ground.size > 0 and float(np.median(np.abs(ground - np.median(ground)))) <= FLAT_GROUND


def _box(line: list[Piece], gray: Image, image: Image) -> TextBox:
    across, down = image.shape[1] / gray.shape[1], image.shape[0] / gray.shape[0]
    left, top = min(piece.x for piece in line) - MARGIN, min(piece.y for piece in line) - MARGIN
    right = max(piece.x + piece.width for piece in line) + MARGIN
    bottom = max(piece.y + piece.height for piece in line) + MARGIN
    return TextBox(
        left=float(max(int(left * across), 0)),
        top=float(max(int(top * down), 0)),
        right=float(min(int(np.ceil(right * across)), image.shape[1]) - 1),
        bottom=float(min(int(np.ceil(bottom * down)), image.shape[0]) - 1),
    )
