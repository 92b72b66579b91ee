"""The CAD modules that are installed, and why the others cannot be used."""

import importlib.metadata
import logging
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from cad_modules.contract import CATEGORIES, CadModule
from models.bundle import find_bundle, read_card
from models.errors import ModelError

log = logging.getLogger(__name__)

GROUP: Final = "cad_modules"
"""The entry-point group under which a package names its modules."""
BUILT_IN: Final = "edge-cad"
"""The distribution whose modules keep their names when another package takes one of them."""


@dataclass(frozen=True, slots=True)
class UnusableModule:
    """An entry point that yields no module that can run here."""

    name: str
    """Of the entry point."""
    reason: str
    """In plain words, with the way out."""
    module: CadModule | None = None
    """The module itself, if it loads and only its model bundle is missing or rejected."""


@dataclass(frozen=True, slots=True)
class Registry:
    """The modules found at one moment; a value like any other, handed to whom it concerns."""

    modules: tuple[CadModule, ...]
    """Sorted by name."""
    unusable: tuple[UnusableModule, ...] = ()
    """Sorted by name."""

    def module(self, name: str) -> CadModule:
        """The module of that name.

        Raises:
            KeyError: No usable module has it.
        """
        for module in self.modules:
            if module.name == name:
                return module
        raise KeyError(f"no usable CAD module is called {name!r}")

    def serving(self, category: str) -> tuple[CadModule, ...]:
        """The modules for pictures of a category, sorted by name; empty for a category that none serves."""
        return tuple(module for module in self.modules if category in module.categories)

    def unusable_for(self, category: str) -> tuple[UnusableModule, ...]:
        """The modules that would serve a category if their model bundle were there."""
        return tuple(entry for entry in self.unusable if entry.module and category in entry.module.categories)

    def matrix(self) -> dict[str, tuple[str, ...]]:
        """Every category -> the names of the modules that serve it."""
        return {category: tuple(module.name for module in self.serving(category)) for category in CATEGORIES}


class UnusableError(Exception):
    """An entry point cannot be used; carries the reason, and the module if there is one."""

    def __init__(self, reason: str, module: CadModule | None = None) -> None:
        super().__init__(reason)
        self.module = module


def discover(
    bundle_folders: Iterable[Path] = (),
    entry_points: Iterable[importlib.metadata.EntryPoint] | None = None,
    load: Callable[[importlib.metadata.EntryPoint], CadModule] | None = None,
) -> Registry:
    """Load every installed CAD module and check that its model bundles are there.

    Only the cards of the bundles are read here; a network is loaded and checked when it is first run. One package that
    cannot be loaded never keeps the others out.

    Args:
        bundle_folders: Where bundles are looked for before the built-in ones.
        entry_points: What to load instead of the installed entry points of the group ``cad_modules``.
        load: How: ``load_entry``, in this process, or what does the same elsewhere.
    """
    folders = tuple(bundle_folders)
    found = tuple(importlib.metadata.entry_points(group=GROUP) if entry_points is None else entry_points)
    owners = _owners(found)
    modules: list[CadModule] = []
    unusable: list[UnusableModule] = []
    for entry in found:
        try:
            _check_name(entry, owners)
            module = (load or load_entry)(entry)
            _check_bundles(module, folders)
            modules.append(module)
        except UnusableError as error:
            log.info("CAD module %s cannot be used: %s", entry.name, error)
            unusable.append(UnusableModule(entry.name, str(error), error.module))
    return Registry(
        modules=tuple(sorted(modules, key=lambda module: module.name)),
        unusable=tuple(sorted(unusable, key=lambda entry: (entry.name, entry.reason))),
    )


def _owners(found: tuple[importlib.metadata.EntryPoint, ...]) -> Mapping[str, str | None]:
    """For each name that is taken more than once, the distribution that keeps it: the built-in one or none."""
    counts = Counter(entry.name for entry in found)
    built_in = {entry.name for entry in found if _distribution(entry) == BUILT_IN}
    return {name: BUILT_IN if name in built_in else None for name, count in counts.items() if count > 1}


def _check_name(entry: importlib.metadata.EntryPoint, owners: Mapping[str, str | None]) -> None:
    if entry.name in owners and (owners[entry.name] is None or owners[entry.name] != _distribution(entry)):
        keeper = owners[entry.name]
        outcome = f"{keeper} keeps it" if keeper else "none of them is used"
        raise UnusableError(f"the name is taken by more than one package ({outcome}): rename or uninstall one")


def load_entry(entry: importlib.metadata.EntryPoint) -> CadModule:
    """Import an entry point's module.

    Raises:
        UnusableError: It cannot be imported, or is no CAD module of that name.
    """
    try:
        module = entry.load()
    except (Exception, SystemExit) as error:  # whatever a third party's import does stays with that third party
        reason = f"{entry.value} cannot be imported: {type(error).__name__}: {error}"
        raise UnusableError(reason) from error
    if not isinstance(module, CadModule):
        raise UnusableError(f"{entry.value} is a {type(module).__name__}, not a CadModule")
    if module.name != entry.name:
        raise UnusableError(f"the module calls itself {module.name!r}: entry point and module must bear one name")
    return module


def _check_bundles(module: CadModule, folders: tuple[Path, ...]) -> None:
    for bundle in module.models:
        try:
            read_card(find_bundle(bundle, folders))
        except ModelError as error:
            raise UnusableError(f"needs the model bundle {bundle!r}: {error}", module) from error


def _distribution(entry: importlib.metadata.EntryPoint) -> str:
    return entry.dist.name.lower().replace("_", "-") if entry.dist else ""
