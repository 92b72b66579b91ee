import pytest
from fakes.drawn_scan import DrawnLung

from cad_modules.b_lines import MODULE


@pytest.mark.parametrize("half_angle", [0.0, 0.5])
@pytest.mark.parametrize("places", [(), (0.5,), (0.3, 0.7), (0.25, 0.5, 0.75)])
def test_drawn_b_lines_are_counted(make_context, values, half_angle: float, places: tuple[float, ...]) -> None:
    image = DrawnLung(half_angle=half_angle, b_lines=places).image()
    answer = MODULE.analyze(image, make_context("us_lung"))
    assert values(answer)["b_line_count"] == len(places)
    assert [overlay.label for overlay in answer.overlays] == ["b_line"] * len(places)
    assert (values(answer)["b_line_score"] > 0.5) == bool(places)


def test_the_overlay_runs_along_the_drawn_b_line(make_context) -> None:
    image = DrawnLung(half_angle=0.0, b_lines=(0.3,)).image()
    (line,) = MODULE.analyze(image, make_context("us_lung")).overlays
    (x0, y0), (x1, y1) = line.points
    assert x0 == pytest.approx(0.3 * image.shape[1], abs=6) and x1 == pytest.approx(x0, abs=12)
    assert y0 == pytest.approx(100, abs=8) and y1 > 360


def test_a_lines_are_no_b_lines(make_context, values) -> None:
    answer = MODULE.analyze(DrawnLung(pleura=0.2, a_lines=3).image(), make_context("us_lung"))
    assert values(answer)["b_line_count"] == 0
