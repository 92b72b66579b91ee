import math

import pytest

from cad_modules.contract import AnalysisContext, CadModule, Finding, Findings, ModuleContractError


def context(mm_per_pixel: float | None) -> AnalysisContext:
    return AnalysisContext("us_lung", lambda name: pytest.fail(name), mm_per_pixel)


def test_with_spacing_sizes_are_in_millimetres_and_millilitres() -> None:
    assert context(0.5).length("depth", 10, (8, 12)) == Finding("depth", 5, "mm", (4, 6))
    assert context(0.5).area("size", 10) == Finding("size", 2.5, "mm2")
    assert context(0.5).volume("volume", 8000) == Finding("volume", 1.0, "ml")


def test_without_spacing_sizes_are_in_pixels() -> None:
    assert context(None).length("depth", 10, (8, 12)) == Finding("depth", 10, "px", (8, 12))
    assert context(None).area("size", 10) == Finding("size", 10, "px2")
    assert context(None).volume("volume", 8000) == Finding("volume", 8000, "px3")


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_a_finding_is_a_finite_number(value: float) -> None:
    with pytest.raises(ModuleContractError, match="finite"):
        Finding("depth", value, "mm")
    with pytest.raises(ModuleContractError, match="finite"):
        Finding("depth", 1.0, "mm", (0.0, value))


def test_an_interval_is_not_upside_down() -> None:
    with pytest.raises(ModuleContractError, match="upside down"):
        Finding("depth", 1.0, "mm", (2.0, 1.0))


def module_of(**changes) -> CadModule:
    values = {
        "name": "sample",
        "version": "1.0.0",
        "summary": "A sample",
        "categories": ("us_lung",),
        "features": {"depth": "mm"},
        "analyze": lambda image, context: Findings(),
    }
    return CadModule(**(values | changes))


@pytest.mark.parametrize(
    "changes", [{"categories": ()}, {"categories": ("us_lung", "us_toe")}, {"features": {}}], ids=str
)
def test_a_module_without_known_categories_or_features_is_refused(changes) -> None:
    with pytest.raises(ModuleContractError):
        module_of(**changes)


def test_a_module_is_experimental_until_it_says_otherwise() -> None:
    assert module_of().experimental


def test_check_lets_declared_units_and_their_pixels_pass() -> None:
    for unit in ("mm", "px"):
        answer = Findings((Finding("depth", 1.0, unit),))
        assert module_of().check(answer) is answer
    with pytest.raises(ModuleContractError, match="declared 'mm'"):
        module_of().check(Findings((Finding("depth", 1.0, "cm"),)))
