import xml.etree.ElementTree as ElementTree

import numpy as np

from tools.evaluation.charts import LEFT, SIDE, TOP, line_chart, matrix_chart

SVG = "{http://www.w3.org/2000/svg}"


def test_line_chart_is_svg_with_every_line_and_its_name() -> None:
    root = ElementTree.fromstring(line_chart("Risk & cover", ("x", "y"), {"a <b>": [(0, 0), (1, 1)], "c": [(0.5, 2)]}))
    texts = [text.text for text in root.iter(f"{SVG}text")]
    assert {"Risk & cover", "a <b>", "c", "x", "y"} <= set(texts)
    lines = [path.get("d") for path in root.iter(f"{SVG}path") if path.get("stroke-width") == "2"]
    assert lines == [
        f"M{LEFT}.0 {TOP + SIDE}.0L{LEFT + SIDE}.0 {TOP}.0",
        f"M{LEFT + SIDE / 2} {TOP}.0",  # beyond the axis: at its end
    ]


def test_matrix_shows_counts_and_darkens_by_share_of_the_row() -> None:
    root = ElementTree.fromstring(matrix_chart("m", ["a", "b"], ["a", "b"], np.array([[8.0, 2], [0, 4]])))
    fills = [cell.get("fill") for cell in root.iter(f"{SVG}rect")][1:]
    assert fills == ["rgb(51,51,255)", "rgb(204,204,255)", "rgb(255,255,255)", "rgb(0,0,255)"]
    assert [text.text for text in root.iter(f"{SVG}text") if (text.text or "").isdigit()] == ["8", "2", "4"]
