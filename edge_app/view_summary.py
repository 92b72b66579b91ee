"""What the modules said of a view's frames, summed up in little memory."""

from array import array
from collections import defaultdict
from dataclasses import replace
from typing import Final

import numpy as np

from cad_modules.contract import Finding
from edge_app.records import Analysis

REMEMBERED: Final = 1000
"""Values kept per feature; older ones are forgotten."""


class ModuleSummary:
    """What one module said of frame after frame: the numbers, not what was drawn."""

    def __init__(self) -> None:
        self._durations_ms = array("d")
        self._values: dict[tuple[str, str], array[float]] = defaultdict(lambda: array("d"))
        """By feature and unit."""
        self._last: Analysis | None = None
        self._last_good: Analysis | None = None

    def add(self, analysis: Analysis) -> None:
        """Remember one entry."""
        entry = replace(analysis, findings=(), overlays=())
        _append(self._durations_ms, analysis.duration_ms)
        self._last = entry
        if analysis.status == "ok":
            self._last_good = entry
            for finding in analysis.findings:
                _append(self._values[finding.feature, finding.unit], finding.value)

    def analysis(self) -> Analysis:
        """Each feature's median over the analysed frames, its interval the frames' 95 % range."""
        assert self._last is not None
        duration_ms = float(np.median(self._durations_ms))
        if self._last_good is None:
            return replace(self._last, duration_ms=duration_ms)
        findings = []
        for (feature, unit), measured in self._values.items():
            low, middle, high = (float(value) for value in np.percentile(measured, (2.5, 50, 97.5)))
            findings.append(Finding(feature, middle, unit, (low, high) if len(measured) > 2 else None))
        return replace(self._last_good, reason="", duration_ms=duration_ms, findings=tuple(findings))


def _append(values: "array[float]", value: float) -> None:
    values.append(value)
    if len(values) > REMEMBERED:
        del values[0]
