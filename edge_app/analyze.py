"""``edge-cad analyze``: files in, reports out, without store or broker."""

import dataclasses
from collections.abc import Callable, Sequence
from pathlib import Path

from cad_modules.contract import CATEGORIES
from edge_app.app import make_analyzer, make_classifier, make_registry
from edge_app.background import Background
from edge_app.config import Config
from edge_app.errors import UnreadableImage
from edge_app.messages import Report
from edge_app.pipeline import Classifies, Pipeline
from edge_app.records import Classification, Frame, Picture
from edge_app.sources.opening import open_path
from edge_app.sources.prefetch import prefetched


class GivenCategory:
    """A router that scores each picture as ever and takes the category that the user gave."""

    def __init__(self, category: str, classifier: Classifies) -> None:
        if category not in CATEGORIES:
            raise ValueError(f"unknown category {category!r}: one of {', '.join(CATEGORIES)}")
        self._category = category
        self._classifier = classifier

    def classify(self, picture: Picture) -> Classification:
        """The router's scores with the given category as decision."""
        return dataclasses.replace(
            self._classifier.classify(picture),
            decision="accepted",
            category=self._category,
            prediction_set=(self._category,),
            reason=f"{self._category} was given by the user",
        )

    def refuse(self, reason: str) -> Classification:
        """A blank picture is refused whatever the user says."""
        return self._classifier.refuse(reason)


def analyze_paths(
    paths: Sequence[Path],
    deliver: Callable[[Report], None],
    on_error: Callable[[UnreadableImage], None],
    *,
    category: str | None = None,
    mm_per_pixel: float | None = None,
    interval_s: float = 1.0,
    config: Config | None = None,
) -> None:
    """Analyse files and folders of images, DICOM and clips.

    Args:
        paths: What to read; a clip gives a report for the best frame of each interval and one for the whole.
        deliver: Called with each report as soon as it is made.
        on_error: Called for each file that cannot be read; the rest goes on.
        category: Overrides the router's decision.
        mm_per_pixel: Spacing of the pictures that do not know their own.
        interval_s: Between two analysed frames of a clip.
        config: Router, modules, deadline and device id; None: the defaults.

    Raises:
        SourceError: A folder holds no picture at all.
        ModelError: The router's bundle cannot be used.
        ValueError: The category is unknown.
    """
    config = config or Config()
    for missing in (path for path in paths if not path.exists()):
        on_error(UnreadableImage(f"{missing} is not there; check the path"))
    present = [path for path in paths if path.exists()]
    if not present:
        return
    classifier: Classifies = make_classifier(config)
    if category is not None:
        classifier = GivenCategory(category, classifier)
    with (
        make_analyzer(config) as analyzer,
        Background("reports") as reports,
        open_path(present, on_error=on_error) as source,
    ):
        registry, submit = make_registry(config), reports.submit
        pipeline = Pipeline(config.device.id, classifier, registry, analyzer, deliver, interval_s, submit=submit)
        pipeline.run(_with_spacing(frame, mm_per_pixel) for frame in prefetched(source.frames()))
        reports.wait()


def _with_spacing(frame: Frame, mm_per_pixel: float | None) -> Frame:
    if mm_per_pixel is None or frame.mm_per_pixel is not None:
        return frame
    return dataclasses.replace(frame, mm_per_pixel=mm_per_pixel)
