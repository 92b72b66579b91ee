"""What a module's answer may hold before it goes into a report: plain numbers, and not too many of them."""

import math
from dataclasses import replace
from typing import Final

from cad_modules.contract import Finding, Findings, ModuleContractError, Overlay
from cad_modules.runtime import ModuleResult

MAX_FINDINGS: Final = 100
MAX_OVERLAYS: Final = 1000
MAX_POINTS: Final = 50_000
"""Of all overlays together; a heatmap's values count too."""
MAX_TEXT_CHARACTERS: Final = 300
MAX_COORDINATE: Final = 1_000_000.0
OVERLAY_KINDS: Final = ("polygon", "ellipse", "line", "box", "heatmap")
FEWEST_POINTS: Final = 2


def bounded(result: ModuleResult) -> ModuleResult:
    """The result made of plain Python values alone, or as ``failed`` if its findings are more than a report can take.

    What an array library left in it (its own floats, views of large arrays) becomes a plain number here; whatever is
    no finite number, or no text, makes the result ``failed``.
    """
    try:
        findings = _plain(result.findings)
    except Exception as error:  # an object of the module's own may do anything when it is read
        reason = f"{type(error).__name__}: {error}"[:MAX_TEXT_CHARACTERS]
        return replace(result, status="failed", reason=reason, findings=Findings())
    return replace(result, findings=findings)


def _plain(findings: Findings) -> Findings:
    _check_count("findings", len(findings.findings), MAX_FINDINGS)
    _check_count("overlays", len(findings.overlays), MAX_OVERLAYS)
    numbers = sum(len(overlay.points) + sum(map(len, overlay.values)) for overlay in findings.overlays)
    _check_count("points and values of overlays", numbers, MAX_POINTS)
    return replace(
        findings,
        findings=tuple(_plain_finding(finding) for finding in findings.findings),
        overlays=tuple(_plain_overlay(overlay) for overlay in findings.overlays),
    )


def _plain_finding(finding: Finding) -> Finding:
    interval = None
    if finding.interval is not None:
        low, high = finding.interval
        interval = (_number(low), _number(high))
    return Finding(_text(finding.feature), _number(finding.value), _text(finding.unit), interval)


def _plain_overlay(overlay: Overlay) -> Overlay:
    kind = _text(overlay.kind)
    if kind not in OVERLAY_KINDS:
        raise ModuleContractError(f"an overlay of the kind {kind!r}; there are {OVERLAY_KINDS}")
    points = tuple((_coordinate(x), _coordinate(y)) for x, y in overlay.points)
    if len(points) < FEWEST_POINTS:
        raise ModuleContractError(f"overlay {overlay.label!r} has {len(points)} points; it needs two or more")
    values = tuple(tuple(_fraction(value) for value in row) for row in overlay.values)
    if (kind == "heatmap") != bool(values) or len({len(row) for row in values}) > 1:
        raise ModuleContractError(f"overlay {overlay.label!r}: a heatmap has rows of one length, no other kind has any")
    return Overlay(kind, _text(overlay.label), points, values)  # type: ignore[arg-type]


def _number(value: object) -> float:
    number = float(value)  # type: ignore[arg-type]
    if isinstance(value, str) or not math.isfinite(number):
        raise ModuleContractError(f"{value!r} is not a finite number")
    return number


def _coordinate(value: object) -> float:
    number = _number(value)
    if abs(number) > MAX_COORDINATE:
        raise ModuleContractError(f"an overlay reaches to {number:g} px")
    return number


def _fraction(value: object) -> float:
    number = _number(value)
    if not 0 <= number <= 1:
        raise ModuleContractError(f"a heatmap's value is {number:g}; they go from 0 to 1")
    return number


def _text(value: object) -> str:
    if not isinstance(value, str) or len(value) > MAX_TEXT_CHARACTERS:
        raise ModuleContractError(f"a text of at most {MAX_TEXT_CHARACTERS} characters is a {type(value).__name__}")
    return str.__str__(value)


def _check_count(what: str, count: int, limit: int) -> None:
    if count > limit:
        raise ModuleContractError(f"{count} {what}; a report takes {limit}")
