"""Builds single parts from the configuration, for the service and for those who need one of them alone."""

import contextlib
import logging
from collections.abc import Callable
from dataclasses import replace

from cad_modules.registry import Registry
from edge_app.analysis import Analyzer, Limits
from edge_app.breaker import BreakerChange
from edge_app.classifier import Classifier
from edge_app.config import CaptureCardSource, Config, SourceConfig, StoreConfig, StreamUrlSource
from edge_app.errors import PageError
from edge_app.evidence import PictureEvidence
from edge_app.messages import ModelInfo, Status
from edge_app.module_discovery import discover_apart
from edge_app.overrides import Overrider
from edge_app.page import Page, ServiceParts
from edge_app.page_process import packages_missing
from edge_app.sources.base import Source
from edge_app.sources.capture_card import open_capture_card
from edge_app.sources.live import CaptureFormat
from edge_app.sources.opening import open_path
from edge_app.sources.stream_url import StreamUrl
from edge_app.store_retention import Retention
from models.bundle import find_bundle, read_card
from models.errors import ModelError

log = logging.getLogger(__name__)


def open_source(config: SourceConfig) -> Source:
    """The picture source that the configuration names; enter it to open it."""
    match config:
        case CaptureCardSource():
            asked = CaptureFormat(config.width, config.height, config.frames_per_second, config.pixel_format)
            return open_capture_card(config.device, asked)
        case StreamUrlSource():
            secret = config.password_file
            password = "" if secret is None else secret.read_text("utf-8").rstrip("\r\n")
            return StreamUrl(config.url, user=config.username or "", password=password)
        case _:
            return open_path(config.path)


def make_classifier(config: Config) -> Classifier:
    """The router that the configuration names.

    Raises:
        ModelError: Its bundle cannot be used.
    """
    router = config.router
    folder = find_bundle(router.bundle, router.bundle_folders)
    return Classifier(folder, router.reject_threshold, router.accept_threshold, router.head, router.coverage)


def make_registry(config: Config) -> Registry:
    """The installed CAD modules without those that are switched off."""
    registry, disabled = discover_apart(config.router.bundle_folders), config.analysis.disabled_modules
    known = {module.name for module in registry.modules} | {entry.name for entry in registry.unusable}
    if unknown := sorted(set(disabled) - known):
        log.warning("analysis.disabled_modules: there is no module %s", ", ".join(unknown))
    return replace(
        registry,
        modules=tuple(module for module in registry.modules if module.name not in disabled),
        unusable=tuple(entry for entry in registry.unusable if entry.name not in disabled),
    )


def make_analyzer(config: Config, on_breaker: Callable[[BreakerChange], None] = lambda change: None) -> Analyzer:
    """The runner of the CAD modules; enter or close it."""
    analysis = config.analysis
    limits = Limits(analysis.deadline_s, analysis.report_deadline_s, analysis.memory_mb * 2**20)
    return Analyzer(config.router.bundle_folders, limits=limits, on_breaker=on_breaker)


def retention_of(config: StoreConfig) -> Retention:
    """What may be dropped of what was delivered."""
    return Retention(config.max_size_mb * 1_000_000, config.keep_sent_days, config.keep_evidence_days)


def make_evidence(config: Config, models: tuple[ModelInfo, ...]) -> PictureEvidence | None:
    """What keeps the picture of each report, as configured."""
    if config.store.evidence == "none":
        return None
    router = config.router
    settings = {
        "accept_threshold": router.accept_threshold,
        "reject_threshold": router.reject_threshold,
        "head": router.head,
        "coverage": router.coverage,
        "disabled_modules": ", ".join(config.analysis.disabled_modules),
        "deadline_s": config.analysis.deadline_s,
    }
    return PictureEvidence(models, settings, config.store.mask_text)


def check_page_packages() -> None:
    """See that what the page needs is installed.

    Raises:
        PageError: It is not.
    """
    if missing := packages_missing():
        raise PageError(f"the page needs {', '.join(missing)}: pip install 'edge-cad[web]', or turn it off in [web]")


def make_page(config: Config, status: Status, parts: ServiceParts, overrider: Overrider) -> Page:
    """The operator's page; start it.

    Raises:
        PageError: Packages that it needs are not installed.
    """
    check_page_packages()
    return Page({"config": config.model_dump(mode="json")}, status, parts, overrider)


def installed_models(config: Config, registry: Registry) -> tuple[ModelInfo, ...]:
    """The bundles that are there; one that cannot be read is told by the module that needs it."""
    names = {config.router.bundle} | {name for module in registry.modules for name in module.models}
    found = []
    for name in sorted(names):
        with contextlib.suppress(ModelError):
            card = read_card(find_bundle(name, config.router.bundle_folders))
            found.append(ModelInfo(name=card.name, version=card.version, sha256=card.sha256))
    return tuple(found)
