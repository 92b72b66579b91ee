"""From what a picture shows to the CAD modules that run on it."""

from cad_modules.contract import CadModule
from cad_modules.registry import Registry, UnusableModule
from edge_app.records import Classification, Plan


def clip_categories(registry: Registry) -> frozenset[str]:
    """The categories that are served by modules which look at clips."""
    clip_modules = (module for module in registry.modules if module.scope == "clip")
    return frozenset(category for module in clip_modules for category in module.categories)


def choose_modules(classification: Classification, registry: Registry, scope: str = "frame") -> Plan:
    """The modules of every category in the prediction set, each module once.

    A module that serves several categories of an ambiguous picture is told the most probable one. A rejected picture
    gets an empty plan.
    """
    chosen: dict[str, tuple[CadModule, str]] = {}
    unusable: dict[str, UnusableModule] = {}
    for category in classification.prediction_set:
        for module in registry.serving(category):
            if module.scope == scope:
                chosen.setdefault(module.name, (module, category))
        for entry in registry.unusable_for(category):
            if entry.module is not None and entry.module.scope == scope:
                unusable.setdefault(entry.name, entry)
    return Plan(
        modules=tuple(module for module, _ in chosen.values()),
        categories=tuple(category for _, category in chosen.values()),
        unusable=tuple(unusable.values()),
    )
