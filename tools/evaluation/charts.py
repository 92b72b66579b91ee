"""Small SVG charts: lines over two axes from 0 to 1, and a matrix of counts."""

from collections.abc import Mapping, Sequence
from typing import Final
from xml.sax.saxutils import escape

import numpy as np
from numpy.typing import NDArray

SIDE: Final = 300
LEFT: Final = 60
TOP: Final = 30
COLOURS: Final = ("#1f6fb2", "#d1495b", "#3a7d44", "#8e5ea2", "#c98a1b", "#444444")
CELL: Final = 34


def line_chart(
    title: str,
    axes: tuple[str, str],
    lines: Mapping[str, Sequence[tuple[float, float]]],
    limits: tuple[float, float] = (1.0, 1.0),
    diagonal: bool = False,
) -> str:
    """Lines over two axes that start at 0.

    Args:
        title: Above the chart.
        axes: Names of the level and the upright axis.
        lines: Name -> points (x, y); points beyond the limits are drawn at them.
        limits: Where the axes end.
        diagonal: Whether y = x is drawn, dashed.
    """

    def place(x: float, y: float) -> tuple[float, float]:
        across, up = (min(max(value / limit, 0.0), 1.0) for value, limit in zip((x, y), limits, strict=True))
        return LEFT + across * SIDE, TOP + (1 - up) * SIDE

    parts = []
    for step in range(6):
        x, y = place(limits[0] * step / 5, limits[1] * step / 5)
        parts.append(f'<path d="M{x:.1f} {TOP}V{TOP + SIDE}M{LEFT} {y:.1f}H{LEFT + SIDE}" stroke="#ddd"/>')
        parts.append(_text(x, TOP + SIDE + 15, f"{limits[0] * step / 5:.3g}", "middle"))
        parts.append(_text(LEFT - 6, y + 4, f"{limits[1] * step / 5:.3g}", "end"))
    if diagonal:
        parts.append(f'<path d="M{LEFT} {TOP + SIDE}L{LEFT + SIDE} {TOP}" stroke="#999" stroke-dasharray="4"/>')
    for number, (name, points) in enumerate(lines.items()):
        colour = COLOURS[number % len(COLOURS)]
        path = "L".join(f"{x:.1f} {y:.1f}" for x, y in (place(*point) for point in points))
        parts.append(f'<path d="M{path}" fill="none" stroke="{colour}" stroke-width="2"/>')
        parts.append(_text(LEFT + SIDE + 12, TOP + 14 + 18 * number, name, fill=colour))
    parts.append(_text(LEFT + SIDE / 2, TOP + SIDE + 34, axes[0], "middle"))
    parts.append(f'<g transform="rotate(-90 14 {TOP + SIDE / 2})">{_text(14, TOP + SIDE / 2, axes[1], "middle")}</g>')
    return _svg(LEFT + SIDE + 130, TOP + SIDE + 44, title, parts)


def matrix_chart(title: str, rows: Sequence[str], columns: Sequence[str], counts: NDArray[np.float64]) -> str:
    """Counts as a table whose cells are the darker, the larger their share of the row.

    Args:
        title: Above the table.
        rows: Names, left of it.
        columns: Names, above it.
        counts: Shape (rows, columns).
    """
    left, top = 120, 130
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    parts = []
    for column, name in enumerate(columns):
        x = left + (column + 0.6) * CELL
        parts.append(f'<g transform="rotate(-60 {x:.0f} {top - 6})">{_text(x, top - 6, name)}</g>')
    for row, name in enumerate(rows):
        y = top + row * CELL
        parts.append(_text(left - 6, y + CELL / 2 + 4, name, "end"))
        for column in range(len(columns)):
            x, share = left + column * CELL, float(shares[row, column])
            level = round(255 * (1 - share))
            parts.append(
                f'<rect x="{x}" y="{y}" width="{CELL}" height="{CELL}" fill="rgb({level},{level},255)" stroke="#ccc"/>'
            )
            if counts[row, column]:
                fill = "#fff" if share > 0.5 else "#000"
                parts.append(_text(x + CELL / 2, y + CELL / 2 + 4, f"{counts[row, column]:.0f}", "middle", fill))
    return _svg(left + CELL * len(columns) + 50, top + CELL * len(rows) + 10, title, parts)


def _text(x: float, y: float, text: str, anchor: str = "start", fill: str = "#333") -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" fill="{fill}">{escape(text)}</text>'


def _svg(width: float, height: float, title: str, parts: Sequence[str]) -> str:
    opening = f'<svg xmlns="http://www.w3.org/2000/svg" width="{width:.0f}" height="{height:.0f}" '
    style = 'font-family="sans-serif" font-size="11">'
    return "\n".join(
        (opening + style, '<rect width="100%" height="100%" fill="#fff"/>', _text(8, 16, title), *parts)
    ) + ("\n</svg>\n")
