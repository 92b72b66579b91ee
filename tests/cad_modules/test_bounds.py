from typing import Any

import numpy as np
import pytest

from cad_modules.bounds import MAX_FINDINGS, MAX_OVERLAYS, MAX_POINTS, bounded
from cad_modules.contract import Finding, Findings, Overlay
from cad_modules.runtime import ModuleResult

CORNERS = ((0.0, 0.0), (3.0, 4.0))


def result(findings: Any = (), overlays: Any = ()) -> ModuleResult:
    return ModuleResult("mean", "1.0.0", "ok", "", 1.0, False, Findings(findings, overlays))


def spoiled(**values: Any) -> Finding:
    """A finding whose values were set past its own check."""
    finding = Finding("mean", 1.0, "1")
    for name, value in values.items():
        object.__setattr__(finding, name, value)
    return finding


def test_numbers_of_an_array_library_become_plain_ones() -> None:
    overlay = Overlay("polygon", "all", tuple(map(tuple, np.eye(3, 2, dtype=np.float32))))  # type: ignore[arg-type]
    given = result((Finding("mean", np.float32(0.5), "1", (np.float64(0), np.int64(1))),), (overlay,))  # type: ignore[arg-type]
    made = bounded(given).findings
    assert type(made.findings[0].value) is float and made.findings[0].interval == (0.0, 1.0)
    assert {type(value) for point in made.overlays[0].points for value in point} == {float}


@pytest.mark.parametrize(
    "given",
    [
        result((spoiled(value=float("nan")),)),
        result((spoiled(value=float("inf")),)),
        result((spoiled(value="7"),)),
        result((spoiled(value=np.zeros(3)),)),
        result((spoiled(feature=b"mean"),)),
        result((spoiled(unit="mm" * 1000),)),
        result((spoiled(interval=(1.0, float("nan"))),)),
        result((object(),)),
        result((Finding("mean", 1.0, "1"),) * (MAX_FINDINGS + 1)),
        result(overlays=(Overlay("box", "all", CORNERS),) * (MAX_OVERLAYS + 1)),
        result(overlays=(Overlay("polygon", "all", ((0.0, 0.0),) * (MAX_POINTS + 1)),)),
        result(overlays=(Overlay("heatmap", "all", CORNERS, ((0.5,) * 1000,) * 60),)),
        result(overlays=(Overlay("heatmap", "all", CORNERS, ((0.5, 2.0),)),)),
        result(overlays=(Overlay("heatmap", "all", CORNERS, ((0.5,), (0.5, 0.5))),)),
        result(overlays=(Overlay("box", "all", CORNERS, ((0.5,),)),)),
        result(overlays=(Overlay("circle", "all", CORNERS),)),  # type: ignore[arg-type]
        result(overlays=(Overlay("box", "all", ((0.0, 0.0), (float("nan"), 1.0))),)),
        result(overlays=(Overlay("box", "all", ((0.0, 0.0), (1e9, 1.0))),)),
        result(overlays=(Overlay("box", "all", ((0.0, 0.0),)),)),
    ],
)
def test_what_a_report_cannot_take_makes_the_result_failed(given: ModuleResult) -> None:
    made = bounded(given)
    assert made.status == "failed" and made.reason and made.findings == Findings()


def test_an_object_that_raises_when_it_is_read_makes_the_result_failed() -> None:
    class Trap:
        def __float__(self) -> float:
            raise RuntimeError("sprung")

    assert "sprung" in bounded(result((spoiled(value=Trap()),))).reason
