import importlib.metadata
import re
from pathlib import Path

import pytest

from cad_modules.contract import CATEGORIES
from cad_modules.registry import GROUP, Registry, UnusableModule, discover

SOURCE = """
from cad_modules.contract import CadModule, Findings

MODULE = CadModule(
    name={name!r}, version="1.0.0", summary="A sample", categories=("us_lung", "xr_knee"),
    features={{"score": "1"}}, analyze=lambda image, context: Findings(), models={models!r},
)
"""


class Packages:
    """Installs small distributions into a folder on the import path."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def install(self, distribution: str, entry: str, source: str, attribute: str = "MODULE") -> None:
        # Imported modules stay imported: every test has names of its own.
        code = re.sub(r"\W", "_", f"{self._folder.name}_{distribution}_{entry}")
        (self._folder / f"{code}.py").write_text(source)
        info = self._folder / f"{distribution.replace('-', '_')}-1.0.dist-info"
        info.mkdir(exist_ok=True)
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {distribution}\nVersion: 1.0\n")
        points = info / "entry_points.txt"
        known = points.read_text() if points.exists() else f"[{GROUP}]\n"
        points.write_text(f"{known}{entry} = {code}:{attribute}\n")

    def discover(self, *bundle_folders: Path) -> Registry:
        found = importlib.metadata.distributions(path=[str(self._folder)])
        points = [point for distribution in found for point in distribution.entry_points if point.group == GROUP]
        return discover(bundle_folders, points)


@pytest.fixture
def packages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Packages:
    monkeypatch.syspath_prepend(str(tmp_path))
    return Packages(tmp_path)


def source(name: str, models: tuple[str, ...] = ()) -> str:
    return SOURCE.format(name=name, models=models)


def only_unusable(registry: Registry) -> UnusableModule:
    assert registry.modules == ()
    (entry,) = registry.unusable
    return entry


def test_modules_are_found_and_sorted_by_name(packages: Packages) -> None:
    packages.install("acme", "zebra_lines", source("zebra_lines"))
    packages.install("acme", "a_lines", source("a_lines"))
    registry = packages.discover()
    assert [module.name for module in registry.modules] == ["a_lines", "zebra_lines"]
    assert registry.unusable == ()


def test_serving_and_matrix_follow_the_categories(packages: Packages) -> None:
    packages.install("acme", "sample", source("sample"))
    registry = packages.discover()
    assert [module.name for module in registry.serving("us_lung")] == ["sample"]
    assert registry.serving("us_liver") == ()
    assert set(registry.matrix()) == set(CATEGORIES)
    assert registry.matrix()["xr_knee"] == ("sample",)
    assert registry.module("sample").name == "sample"
    with pytest.raises(KeyError, match="nothing_like_it"):
        registry.module("nothing_like_it")


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        ("import no_such_library", "ModuleNotFoundError: No module named 'no_such_library'"),
        ("raise SystemExit(3)", "SystemExit: 3"),
        ("1 / 0", "ZeroDivisionError"),
        ("MODULE = 'a string'", "a str, not a CadModule"),
        ("", "has no attribute 'MODULE'"),
    ],
)
def test_a_package_that_cannot_be_used_is_named_with_its_reason(packages: Packages, code: str, reason: str) -> None:
    packages.install("acme", "broken", code)
    entry = only_unusable(packages.discover())
    assert entry.name == "broken"
    assert reason in entry.reason
    assert entry.module is None


def test_one_broken_package_keeps_no_other_out(packages: Packages) -> None:
    packages.install("acme", "broken", "1 / 0")
    packages.install("other", "sample", source("sample"))
    registry = packages.discover()
    assert [module.name for module in registry.modules] == ["sample"]
    assert [entry.name for entry in registry.unusable] == ["broken"]


def test_entry_point_and_module_must_bear_one_name(packages: Packages) -> None:
    packages.install("acme", "sample", source("something_else"))
    assert "something_else" in only_unusable(packages.discover()).reason


def test_of_two_packages_with_one_name_neither_is_used(packages: Packages) -> None:
    packages.install("acme", "sample", source("sample"))
    packages.install("other", "sample", source("sample"))
    registry = packages.discover()
    assert registry.modules == ()
    assert len(registry.unusable) == 2
    assert all("taken by more than one package" in entry.reason for entry in registry.unusable)


def test_a_built_in_module_keeps_its_name(packages: Packages) -> None:
    packages.install("edge-cad", "sample", source("sample"))
    packages.install("other", "sample", source("sample"))
    registry = packages.discover()
    assert len(registry.modules) == 1
    (entry,) = registry.unusable
    assert "edge-cad keeps it" in entry.reason


def test_a_missing_bundle_makes_its_module_unusable_but_known(packages: Packages) -> None:
    packages.install("acme", "sample", source("sample", ("unheard_of",)))
    registry = packages.discover()
    entry = only_unusable(registry)
    assert "needs the model bundle 'unheard_of'" in entry.reason
    assert entry.module is not None and entry.module.name == "sample"
    assert registry.unusable_for("us_lung") == (entry,)
    assert registry.unusable_for("us_liver") == ()


def test_a_bundle_with_a_bad_card_makes_its_module_unusable(packages: Packages, tmp_path: Path) -> None:
    packages.install("acme", "sample", source("sample", ("sample_net",)))
    folder = tmp_path / "bundles" / "sample_net"
    folder.mkdir(parents=True)
    (folder / "card.toml").write_text("name = 7")
    assert "sample_net" in only_unusable(packages.discover(tmp_path / "bundles")).reason


def test_nothing_is_registered_by_importing(packages: Packages) -> None:
    packages.install("acme", "sample", source("sample"))
    first = packages.discover()
    packages.install("acme", "another", source("another"))
    assert len(first.modules) == 1
    assert len(packages.discover().modules) == 2
