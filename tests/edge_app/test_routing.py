from fakes.pictures import classification

from cad_modules.contract import CadModule, Findings
from cad_modules.registry import Registry, UnusableModule
from edge_app import routing
from edge_app.records import Classification


def module(name: str, *categories: str, scope: str = "frame") -> CadModule:
    return CadModule(name, "1.0.0", name, categories, {"x": "1"}, lambda image, context: Findings(), scope=scope)  # type: ignore[arg-type]


HEAD, BOTH, SLIDING = (
    module("head", "us_fetal_head"),
    module("both", "us_fetal_head", "us_cardiac"),
    module("sliding", "us_cardiac", scope="clip"),
)
BROKEN = module("broken", "us_cardiac")
REGISTRY = Registry((BOTH, HEAD, SLIDING), (UnusableModule("broken", "no bundle", BROKEN),))


def names(decision: Classification, scope: str = "frame") -> list[str]:
    return [chosen.name for chosen in routing.choose_modules(decision, REGISTRY, scope).modules]


def test_accepted_category_runs_its_modules() -> None:
    assert names(classification("us_fetal_head")) == ["both", "head"]


def test_unsure_classification_runs_nothing() -> None:
    assert names(classification(None)) == []


def test_ambiguous_runs_the_union_once_each_as_the_more_probable_category() -> None:
    first = classification("us_cardiac", 0.5)
    ambiguous = Classification("ambiguous", None, "", ("us_cardiac", "us_fetal_head"), first.scores, 0.0, first.model)
    plan = routing.choose_modules(ambiguous, REGISTRY)
    assert [(chosen.name, category) for chosen, category in zip(plan.modules, plan.categories, strict=True)] == [
        ("both", "us_cardiac"),
        ("head", "us_fetal_head"),
    ]


def test_clip_modules_run_on_clips_only() -> None:
    assert names(classification("us_cardiac")) == ["both"]
    assert names(classification("us_cardiac"), "clip") == ["sliding"]


def test_module_without_its_bundle_is_named_in_the_plan() -> None:
    plan = routing.choose_modules(classification("us_cardiac"), REGISTRY)
    assert [entry.reason for entry in plan.unusable] == ["no bundle"]
