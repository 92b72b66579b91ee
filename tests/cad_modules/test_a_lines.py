import pytest
from fakes.drawn_scan import DrawnLung

from cad_modules.a_lines import MODULE


@pytest.mark.parametrize("half_angle", [0.0, 0.5])
def test_the_spacing_of_drawn_a_lines_is_the_depth_of_the_pleura(make_context, values, half_angle: float) -> None:
    drawn = DrawnLung(pleura=0.22, a_lines=2, half_angle=half_angle)
    found = values(MODULE.analyze(drawn.image(), make_context("us_lung", 0.1)))
    assert found["a_line_spacing"] == pytest.approx(0.1 * drawn.pleura_depth, rel=0.1)
    assert found["a_line_score"] > 0.5


def test_a_lung_without_a_lines_scores_lower_and_has_no_spacing(make_context, values) -> None:
    bare, lined = (
        values(MODULE.analyze(DrawnLung(pleura=0.22, a_lines=count).image(), make_context("us_lung")))
        for count in (0, 2)
    )
    assert bare["a_line_score"] < lined["a_line_score"] - 0.2
    assert "a_line_spacing" not in bare
