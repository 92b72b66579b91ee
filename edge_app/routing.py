"""From what a picture shows to the CAD modules that run on it."""

from cad_modules.registry import Registry
from edge_app.records import Classification, Plan


def choose_modules(classification: Classification, registry: Registry, scope: str = "frame") -> Plan:
    """The modules of every category in the prediction set, each module once.

    A module that serves several categories of an ambiguous picture is told the most probable one. A rejected picture
    gets an empty plan.
    """
    chosen: dict[str, str] = {}
    for category in classification.prediction_set:
        for module in registry.serving(category):
            if module.scope == scope:
                chosen.setdefault(module.name, category)
    return Plan(classification.category, tuple(chosen), tuple(chosen.values()))
