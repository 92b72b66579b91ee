"""``edge-cad replay``: make a report again from what was kept with it, and say whether it comes out the same."""

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final, Literal, TypeAlias

from cad_modules.registry import Registry
from edge_app import reporting, routing
from edge_app.app import installed_models, make_analyzer, make_classifier, make_registry
from edge_app.config import Config
from edge_app.errors import EdgeCadError, StoreSealed
from edge_app.evidence import Provenance, picture_again, read_picture, read_provenance, software
from edge_app.messages import ModelInfo, Report
from edge_app.pipeline import NO_RESULT, Analyzes, Classifies
from edge_app.records import Choice, Evidence
from edge_app.seal import read_seal
from edge_app.store_reader import StoreReader

Verdict: TypeAlias = Literal["identical", "different", "not_comparable", "not_replayable"]
LARGEST_VALUE_CHARACTERS: Final = 60
DIFFERENCES_TOLD: Final = 20


@dataclass(frozen=True, slots=True)
class Replayed:
    """What became of one report."""

    report_id: str
    verdict: Verdict
    """``not_comparable``: it differs, and text in the kept picture was blackened, which may be why;
    ``not_replayable``: nothing to make it from was kept."""
    reason: str = ""
    differences: tuple[str, ...] = ()
    """``path: old -> new``, of the report; at most ``DIFFERENCES_TOLD``."""
    changed: tuple[str, ...] = ()
    """Software and models that are others now."""

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {
            "report_id": self.report_id,
            "verdict": self.verdict,
            "reason": self.reason,
            "differences": list(self.differences),
            "changed": list(self.changed),
        }


class Replayer:
    """Makes reports again.

    Args:
        store: Where they are.
        classifier: The router as it is now.
        registry: The CAD modules as they are now.
        analyzer: Runs them.
        models: The bundles as they are now.
    """

    def __init__(
        self,
        store: StoreReader,
        classifier: Classifies,
        registry: Registry,
        analyzer: Analyzes,
        models: tuple[ModelInfo, ...],
    ) -> None:
        self._store, self._classifier, self._registry, self._analyzer = store, classifier, registry, analyzer
        self._models = models
        self._software = software()

    def replay(self, report_id: str) -> Replayed:
        """Make one report again and compare.

        Raises:
            EdgeCadError: There is no such report.
        """
        report = self._store.read(report_id)
        if report is None:
            raise EdgeCadError(f"{self._store.path}: there is no report {report_id}")
        if report.scope == "clip":
            return Replayed(report_id, "not_replayable", self._why_not(report))
        if report.amends is not None and not report.amends.reanalysed:
            return Replayed(report_id, "not_replayable", f"it was not analysed again: {report.amends.reason}")
        try:
            evidence = self._store.read_evidence(report_id)
        except StoreSealed as error:
            return Replayed(report_id, "not_replayable", str(error))
        provenance = read_provenance(evidence)
        if provenance is None or provenance.not_kept:
            reason = "nothing was kept with it, or it was pruned" if provenance is None else provenance.not_kept
            return Replayed(report_id, "not_replayable", reason)
        try:
            again = self._make_again(report, evidence, provenance)
        except EdgeCadError as error:
            return Replayed(report_id, "different", str(error))
        screen_modules = {module.name for module in self._registry.modules if module.looks_at == "screen"}
        left_out = set() if provenance.whole_frame else screen_modules
        differences = tuple(_differences(_comparable(report, left_out), _comparable(again, left_out), ""))
        verdict: Verdict = "identical"
        if differences:
            verdict = "not_comparable" if provenance.masked else "different"
        reason = "text in the kept picture was blackened" if verdict == "not_comparable" else ""
        changed = tuple(self._changed(provenance))
        return Replayed(report_id, verdict, reason, differences[:DIFFERENCES_TOLD], changed)

    def _make_again(self, report: Report, evidence: list[Evidence], provenance: Provenance) -> Report:
        assert report.frame is not None
        picture = picture_again(read_picture(evidence, provenance), provenance, report.frame, report.source)
        if picture.state in NO_RESULT:
            classification = self._classifier.refuse(picture.reason)
        else:
            classification = self._classifier.classify(picture)
        if (said := report.classification).chosen_by is not None and said.category is not None:
            classification = Choice(said.category, said.chosen_by).applied_to(classification)
        plan = routing.choose_modules(classification, self._registry)
        analyses = self._analyzer.analyze(plan, picture)
        return reporting.build_report(report.device_id, picture.frame, classification, analyses, {})

    def _why_not(self, clip_report: Report) -> str:
        reason = "it sums up the reports on the clip's frames: replay those"
        clip_modules = {module.name for module in self._registry.modules if module.scope == "clip"}
        if of_motion := [entry.module for entry in clip_report.analyses if entry.module in clip_modules]:
            reason += f"; what {', '.join(of_motion)} said came from moving pictures, which are not kept"
        return reason

    def _changed(self, provenance: Provenance) -> Iterator[str]:
        for name in sorted(provenance.software.keys() | self._software.keys()):
            before, now = provenance.software.get(name, "none"), self._software.get(name, "none")
            if before != now:
                yield f"{name} {before} -> {now}"
        then = {model.name: f"{model.version} {model.sha256[:12]}" for model in provenance.models}
        today = {model.name: f"{model.version} {model.sha256[:12]}" for model in self._models}
        for name in sorted(then.keys() | today.keys()):
            if then.get(name) != today.get(name):
                yield f"model {name} {then.get(name, 'none')} -> {today.get(name, 'none')}"


@contextlib.contextmanager
def open_replayer(config: Config) -> Iterator[tuple[Replayer, StoreReader]]:
    """The maker of reports again, and the store that it reads; also beside a service that runs.

    Raises:
        StoreError: The store cannot be read.
        ModelError: The router's bundle cannot be used.
    """
    registry = make_registry(config)
    store = StoreReader(config.store.path, seal=read_seal(config.store.key_file))
    try:
        with make_analyzer(config) as analyzer:
            classifier = make_classifier(config)
            yield Replayer(store, classifier, registry, analyzer, installed_models(config, registry)), store
    finally:
        store.close()


def _comparable(report: Report, left_out: set[str]) -> dict[str, Any]:
    """What of a report comes from the picture alone; the modules by name."""
    classification = report.classification.model_dump(mode="json")
    analyses = {
        analysis.module: analysis.model_dump(mode="json", exclude={"module", "duration_ms"})
        for analysis in report.analyses
        if analysis.module not in left_out
    }
    return {"classification": classification, "analyses": analyses}


def _differences(old: Any, new: Any, path: str) -> Iterator[str]:
    if isinstance(old, dict) and isinstance(new, dict):
        for key in dict.fromkeys((*old, *new)):
            yield from _differences(old.get(key), new.get(key), f"{path}.{key}" if path else str(key))
    elif isinstance(old, list) and isinstance(new, list) and len(old) == len(new):
        for number, (one, other) in enumerate(zip(old, new, strict=True)):
            yield from _differences(one, other, f"{path}[{number}]")
    elif old != new:
        yield f"{path}: {_short(old)} -> {_short(new)}"


def _short(value: Any) -> str:
    text = "nothing" if value is None else str(value)
    return text if len(text) <= LARGEST_VALUE_CHARACTERS else text[: LARGEST_VALUE_CHARACTERS - 3] + "..."
