import pytest

from cad_modules.contract import Finding, Overlay
from edge_app import view_summary
from edge_app.records import Analysis
from edge_app.view_summary import ModuleSummary


def entry(value: float, status: str = "ok", reason: str = "") -> Analysis:
    findings = (Finding("width", value, "px"),) if status == "ok" else ()
    overlays = (Overlay("line", "width", ((0.0, 0.0), (value, 0.0))),)
    return Analysis("ruler", "1.0.0", status, reason, 2.0 * value, True, findings, overlays)  # type: ignore[arg-type]


def test_each_feature_is_its_median_and_the_range_of_the_frames() -> None:
    summary = ModuleSummary()
    for value in range(1, 42):
        summary.add(entry(float(value)))
    summary.add(entry(0.0, "unsuitable", "too dark"))
    analysis = summary.analysis()
    (finding,) = analysis.findings
    assert (analysis.status, finding.value, finding.interval) == ("ok", 21.0, (2.0, 40.0))
    assert analysis.overlays == ()


def test_a_module_that_never_had_an_answer_says_why() -> None:
    summary = ModuleSummary()
    summary.add(entry(1.0, "failed", "first"))
    summary.add(entry(3.0, "unsuitable", "too dark"))
    analysis = summary.analysis()
    assert (analysis.status, analysis.reason, analysis.duration_ms, analysis.findings) == (
        "unsuitable",
        "too dark",
        4.0,
        (),
    )


def test_a_view_without_end_takes_no_more_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(view_summary, "REMEMBERED", 10)
    summary = ModuleSummary()
    for value in range(1000):
        summary.add(entry(float(value)))
    assert summary.analysis().findings[0].value == 994.5
    assert {len(values) for values in summary._values.values()} == {10}
    assert len(summary._durations_ms) == 10
