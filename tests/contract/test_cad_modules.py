"""Every registered CAD module against the contract."""

import math
from itertools import pairwise

import cv2
import numpy as np
import pytest
from fakes.beating_heart import beating_heart
from fakes.drawn_lung import lung_clip
from fakes.drawn_scan import DrawnLung

from cad_modules.conformance import Example, NotConformantError, check_module
from cad_modules.contract import (
    CATEGORIES,
    AnalysisContext,
    CadModule,
    ClipFrame,
    Finding,
    Findings,
    Image,
    ModuleContractError,
    Overlay,
    UnsuitableImage,
)
from cad_modules.phantoms import BundleShape
from cad_modules.registry import discover
from models.bundle import BUILT_IN_BUNDLES, Prediction

SIZE = 256
LABELS = {
    "fetal_head_segmentation": ("head",),
    "left_ventricle_segmentation": ("left_ventricle", "myocardium", "left_atrium"),
    "chest_segmentation": ("lung_right", "lung_left", "heart"),
    "breast_segmentation": ("lesion", "malignant"),
    "nerve_segmentation": ("nerve", "vessel"),
    "liver_segmentation": ("liver", "mass", "malignant"),
    "lung_opacity": ("opacity", "mirrored"),
    "lung_pattern": ("pathological",),
    "knee_osteoarthritis": ("kl_1_or_more", "kl_2_or_more", "kl_3_or_more", "kl_4"),
}


def ellipse(x: float, y: float, wide: float, high: float) -> np.ndarray:
    """A filled ellipse on the network's map, 0 to 1."""
    rows, columns = np.mgrid[:SIZE, :SIZE]
    distance = np.sqrt(((columns - x) / wide) ** 2 + ((rows - y) / high) ** 2) - 1
    return 1 / (1 + np.exp(np.clip(distance * min(wide, high) / 0.8, -50, 50)))


def drawn_limb() -> np.ndarray:
    """A bone in soft tissue."""
    image = np.full((400, 260), 12, np.uint8)
    cv2.rectangle(image, (50, 0), (210, 400), 80, cv2.FILLED)
    cv2.line(image, (120, 30), (140, 370), 200, 24, cv2.LINE_AA)
    noise = np.random.default_rng(6).normal(0, 3, image.shape)
    return np.clip(cv2.GaussianBlur(image, (0, 0), 1.5) + noise, 0, 255).astype(np.uint8)


def prediction(bundle: str, *maps: np.ndarray) -> dict[str, Prediction]:
    return {bundle: Prediction(LABELS[bundle], np.stack(maps, axis=-1).astype(np.float32))}


def examples(module: CadModule) -> list[Example]:
    """Drawn anatomy that a learned module can measure; moving, for one that looks at clips."""
    if module.scope == "clip":
        return moving_examples(module)
    if module.name == "bone_axis":
        return [Example("drawn limb", (drawn_limb(),))]
    if module.name in ("pleural_line", "a_lines", "b_lines"):
        lungs = [DrawnLung(half_angle=angle, a_lines=1, b_lines=(0.4,)) for angle in (0.0, 0.5)]
        return [Example("drawn lung", (lung.image(),)) for lung in lungs]
    picture = (np.random.default_rng(6).integers(20, 100, (300, 400)).astype(np.uint8),)
    cavity, atrium = ellipse(128, 110, 30, 70), ellipse(128, 205, 26, 34)
    anatomy = {
        "fetal_head_segmentation": (ellipse(120, 130, 70, 75),),
        "left_ventricle_segmentation": (
            cavity,
            np.clip(ellipse(128, 105, 48, 88) - cavity - atrium, 0, 1),
            atrium,
        ),
        "chest_segmentation": (ellipse(70, 128, 36, 90), ellipse(186, 128, 34, 85), ellipse(138, 160, 50, 42)),
        "breast_segmentation": (ellipse(120, 110, 50, 34), ellipse(120, 110, 20, 20)),
        "nerve_segmentation": (ellipse(80, 120, 30, 22), ellipse(170, 130, 34, 30)),
        "liver_segmentation": (ellipse(128, 128, 90, 80), ellipse(120, 120, 24, 20), ellipse(120, 120, 12, 10)),
        "lung_opacity": (ellipse(80, 150, 30, 30), ellipse(0, 0, 1, 1)),
        "knee_osteoarthritis": (1.0, 0.0, -1.0, -2.0),
        "lung_pattern": (1.0,),
    }
    answers: dict[str, Prediction] = {}
    for bundle in module.models:
        answers |= prediction(bundle, *anatomy[bundle])
    return [Example("drawn anatomy", picture, answers)] if module.models else []


def moving_examples(module: CadModule) -> list[Example]:
    if "left_ventricle_segmentation" in module.models:
        heart = beating_heart(seconds=1.8, frame_s=0.05, picture=(240, 300))
        answers = tuple({"left_ventricle_segmentation": answer} for answer in heart.predictions)
        return [Example("beating heart", heart.images, frame_predictions=answers, frame_s=0.05)]
    return [Example("sliding lung", lung_clip(seconds=2.0, rate_hz=10.0), frame_s=0.1)]


def has_card(bundle: str) -> bool:
    return (BUILT_IN_BUNDLES / bundle / "card.toml").is_file()


REGISTRY = discover()
WITHOUT_CARD = {name: BundleShape(labels) for name, labels in LABELS.items() if not has_card(name)}
MODULES = REGISTRY.modules + tuple(entry.module for entry in REGISTRY.unusable if entry.module)


@pytest.mark.parametrize("module", MODULES, ids=lambda module: module.name)
def test_module_keeps_the_contract(module: CadModule) -> None:
    check_module(module, examples(module), WITHOUT_CARD)


def test_every_installed_module_is_loaded_or_lacks_only_its_bundle() -> None:
    assert [entry for entry in REGISTRY.unusable if entry.module is None] == []
    assert len(MODULES) >= 8


@pytest.mark.parametrize("category", CATEGORIES)
def test_every_category_has_two_modules_or_more(category: str) -> None:
    assert len([module for module in MODULES if category in module.categories]) >= 2


def module_of(analyze, **changes) -> CadModule:
    values = {
        "name": "sample",
        "version": "1.0.0",
        "summary": "A sample",
        "categories": ("us_lung",),
        "features": {"depth": "mm", "score": "1"},
        "analyze": analyze,
    }
    return CadModule(**(values | changes))


def good(image: Image, context: AnalysisContext) -> Findings:
    height, width = image.shape
    box = Overlay("box", "all", ((0.0, 0.0), (width - 1.0, height - 1.0)))
    return Findings((context.length("depth", float(height)), Finding("score", float(image.mean()) / 255, "1")), (box,))


def test_a_module_that_keeps_the_contract_passes() -> None:
    check_module(module_of(good))


def undeclared(image: Image, context: AnalysisContext) -> Findings:
    return Findings((Finding("width", 1.0, "1"),))


def wrong_unit(image: Image, context: AnalysisContext) -> Findings:
    return Findings((Finding("depth", 1.0, "mm"),))  # mm although no spacing is known


def not_scaled(image: Image, context: AnalysisContext) -> Findings:
    return Findings((Finding("depth", 7.0, "px" if context.mm_per_pixel is None else "mm"),))


def not_finite(image: Image, context: AnalysisContext) -> Findings:
    return Findings((Finding("score", float(image.std() / image.std()) if image.std() else math.nan, "1"),))


def outside(image: Image, context: AnalysisContext) -> Findings:
    point = (float(image.shape[1] + 5), 0.0)
    return Findings((Finding("score", 1.0, "1"),), (Overlay("line", "needle", ((0.0, 0.0), point)),))


def nowhere(image: Image, context: AnalysisContext) -> Findings:
    return Findings((Finding("score", 1.0, "1"),), (Overlay("line", "needle", ((0.0, 0.0), (math.nan, 1.0))),))


def paints(image: Image, context: AnalysisContext) -> Findings:
    image.setflags(write=True)
    cv2.circle(image, (4, 4), 2, 255)
    return good(image, context)


def asks_for_another_bundle(image: Image, context: AnalysisContext) -> Findings:
    context.infer("somebody_elses")
    return good(image, context)


def stumbles_over_flat_pictures(image: Image, context: AnalysisContext) -> Findings:
    return Findings((Finding("score", 1 / int(image.max() - image.min()), "1"),))


def twice(image: Image, context: AnalysisContext) -> Findings:
    return Findings((Finding("score", 1.0, "1"), Finding("score", 0.5, "1")))


def says_nothing(image: Image, context: AnalysisContext) -> Findings:
    return Findings()


def counts() -> object:
    seen = [0]

    def analyze(image: Image, context: AnalysisContext) -> Findings:
        seen[0] += 1
        return Findings((Finding("score", float(seen[0]), "1"),))

    return analyze


@pytest.mark.parametrize(
    ("analyze", "complaint"),
    [
        (undeclared, "not declared"),
        (wrong_unit, "expected px"),
        (not_scaled, "its pixels make"),
        (not_finite, "not a finite number"),
        (outside, "outside of the"),
        (nowhere, "outside of the"),
        (paints, "changed or made writeable"),
        (asks_for_another_bundle, "does not declare"),
        (stumbles_over_flat_pictures, "raised ZeroDivisionError"),
        (twice, "reported twice"),
        (says_nothing, "not a single finding|no picture gave"),
        (counts(), "keeps state"),
    ],
    ids=lambda value: getattr(value, "__name__", None),
)
def test_a_module_that_breaks_the_contract_is_told_how(analyze, complaint: str) -> None:
    with pytest.raises(NotConformantError, match=complaint):
        check_module(module_of(analyze))


def clip_example() -> Example:
    random = np.random.default_rng(3)
    return Example("noise", tuple(random.integers(0, 255, (80, 100), np.uint8) for _ in range(8)))


def careful(frames: tuple[ClipFrame, ...], context: AnalysisContext) -> Findings:
    if len(frames) < 2 or any(b.time_s <= a.time_s for a, b in pairwise(frames)):
        raise UnsuitableImage("the times do not rise")
    if any(frame.image.shape != frames[0].image.shape for frame in frames):
        raise UnsuitableImage("the frames are of several sizes")
    change = np.mean([np.abs(b.image.astype(int) - a.image).mean() for a, b in pairwise(frames)])
    return Findings((Finding("score", float(change) / (frames[-1].time_s - frames[0].time_s), "1"),))


def divides_by_the_time(frames: tuple[ClipFrame, ...], context: AnalysisContext) -> Findings:
    return Findings((Finding("score", 1 / (frames[-1].time_s - frames[0].time_s), "1"),))


def subtracts_all_frames(frames: tuple[ClipFrame, ...], context: AnalysisContext) -> Findings:
    change = [float(np.mean(frame.image - frames[0].image)) for frame in frames]
    return Findings((Finding("score", sum(change), "1"),))


def asks_the_context(frames: tuple[ClipFrame, ...], context: AnalysisContext) -> Findings:
    return Findings((Finding("score", float(context.infer("sample").values.mean()), "1"),))


def paints_the_second_frame(frames: tuple[ClipFrame, ...], context: AnalysisContext) -> Findings:
    for frame in frames[1:2]:
        frame.image.setflags(write=True)
        frame.image[0, 0] ^= 1
    return Findings((Finding("score", 1.0, "1"),))


def test_a_clip_module_that_keeps_the_contract_passes() -> None:
    check_module(module_of(careful, scope="clip"), [clip_example()])


@pytest.mark.parametrize(
    ("analyze", "complaint"),
    [
        (divides_by_the_time, "noise: one frame.*ZeroDivisionError"),
        (subtracts_all_frames, "noise: frames of two sizes.*ValueError"),
        (asks_the_context, "each frame is asked"),
        (paints_the_second_frame, "changed or made writeable"),
    ],
    ids=lambda value: getattr(value, "__name__", None),
)
def test_a_clip_module_that_breaks_the_contract_is_told_how(analyze, complaint: str) -> None:
    with pytest.raises(NotConformantError, match=complaint):
        check_module(module_of(analyze, scope="clip"), [clip_example()])


def test_a_clip_module_cannot_ask_for_the_whole_screen() -> None:
    with pytest.raises(ModuleContractError, match="picture area"):
        module_of(careful, scope="clip", looks_at="screen")


@pytest.mark.parametrize(
    "changes",
    [
        {"name": "Sample Module"},
        {"version": "one"},
        {"summary": "two\nlines"},
        {"features": {"depth": "px"}},
        {"features": {"Depth!": "mm"}},
        {"categories": ("us_lung", "us_lung")},
    ],
    ids=str,
)
def test_a_declaration_that_no_report_can_carry_is_refused(changes) -> None:
    with pytest.raises(NotConformantError):
        check_module(module_of(good, **changes))


def test_a_module_that_cannot_measure_its_own_example_is_not_conformant() -> None:
    from cad_modules.contract import UnsuitableImage

    def fussy(image: Image, context: AnalysisContext) -> Findings:
        if image.shape == (50, 60):
            raise UnsuitableImage("too small")
        return good(image, context)

    with pytest.raises(NotConformantError, match="example is said to be unsuitable"):
        check_module(module_of(fussy), [Example("small", (np.zeros((50, 60), np.uint8),))])


def test_a_clip_module_is_given_frames() -> None:
    def measure(frames, context: AnalysisContext) -> Findings:
        duration = frames[-1].time_s - frames[0].time_s
        return Findings((Finding("score", duration, "1"),))

    check_module(module_of(measure, scope="clip"))


def test_a_bundle_without_card_and_shape_is_named() -> None:
    with pytest.raises(NotConformantError, match="unheard_of"):
        check_module(module_of(good, models=("unheard_of",)))
