"""The finished bundles, on drawn pictures: what a network must still do after any retraining."""

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from cad_modules.contract import AnalysisContext
from cad_modules.fetal_head import MODULE as FETAL_HEAD
from cad_modules.geometry import Ellipse
from cad_modules.runtime import Runtime, run_module
from models.bundle import BUILT_IN_BUNDLES, Bundle
from tools.training.segmentation_phantoms import phantoms
from tools.training.segmentation_settings import SETTINGS, SegmentationSettings, settings_of

LARGEST_MODEL_BYTES = 4 * 1024 * 1024
SMALLEST_DICE = {
    ("breast_segmentation", "lesion"): (0.45, 0.015),
    ("breast_segmentation", "malignant"): (0.35, 0.03),
    ("nerve_segmentation", "nerve"): (0.3, 0.02),
    ("nerve_segmentation", "vessel"): (0.45, 0.02),
    ("liver_segmentation", "mass"): (0.25, 0.02),
    ("liver_segmentation", "malignant"): (0.3, 0.03),
}
"""Lower bound of the interval, and the largest drop in int8: small structures, few labels."""


@pytest.fixture(scope="module", params=SETTINGS, ids=lambda settings: settings.name)
def settings(request: pytest.FixtureRequest) -> SegmentationSettings:
    found: SegmentationSettings = request.param
    return found


def test_a_bundle_is_what_the_settings_say_and_small(settings: SegmentationSettings) -> None:
    folder = BUILT_IN_BUNDLES / settings.name
    card = Bundle(folder).card  # checks hash, shapes and golden vectors
    assert card.labels == settings.labels
    assert (card.input.height, card.input.width, card.input.colour) == (settings.size, settings.size, "gray")
    assert (folder / "model.tflite").stat().st_size <= LARGEST_MODEL_BYTES


def test_a_card_names_every_set_its_licence_and_its_figures(settings: SegmentationSettings) -> None:
    card = Bundle(BUILT_IN_BUNDLES / settings.name).card
    earlier = settings_of(settings.starts_from).sets if settings.starts_from else ()
    assert {entry.name for entry in card.training_data} == {*settings.sets, *settings.unlabelled_sets, *earlier}
    for label in settings.labels:
        low, high = card.metrics["test"][f"dice_{label}"]["interval"]
        fewest, drop = SMALLEST_DICE.get((settings.name, label), (0.8, 0.005))
        assert fewest < low <= card.metrics["test"][f"dice_{label}"]["mean"] <= high <= 1
        assert card.int8["dice_drop"][label] < drop
    only_free = all(entry.commercial_use == "yes" for entry in card.training_data)
    assert ("Non-commercial" in card.weights_use) != only_free


def test_the_golden_vectors_are_the_drawn_pictures(settings: SegmentationSettings) -> None:
    with np.load(BUILT_IN_BUNDLES / settings.name / "golden" / "vectors.npz") as golden:
        inputs = golden["inputs"]
    drawn = phantoms(settings.name, settings.size, len(inputs), settings.seed).astype(np.int16) - 128
    # OpenCV draws and blurs a little differently from version to version.
    assert np.abs(inputs - drawn).mean() < 2


@pytest.mark.parametrize(("semi_axes", "turn"), [((170, 125), 20), ((140, 110), -35), ((110, 88), 80)])
def test_a_drawn_head_is_measured_to_three_percent(semi_axes: tuple[int, int], turn: int) -> None:
    image = drawn_head(semi_axes, turn)
    prediction = Runtime().bundle("fetal_head_segmentation").infer(image)
    result = run_module(FETAL_HEAD, image, AnalysisContext("us_fetal_head", lambda _: prediction, 0.2))
    assert result.status == "ok", result.reason
    measured = next(f.value for f in result.findings.findings if f.feature == "head_circumference")
    outer = Ellipse(0, 0, semi_axes[0] + 5, semi_axes[1] + 5, 0)
    assert measured == pytest.approx(outer.perimeter * 0.2, rel=0.03)


def drawn_head(semi_axes: tuple[int, int], turn: int) -> NDArray[np.uint8]:
    image = np.full((420, 560), 70, np.uint8)
    cv2.ellipse(image, (290, 215), semi_axes, turn, 0, 360, 35, -1)
    cv2.ellipse(image, (290, 215), semi_axes, turn, 0, 360, 230, 10)
    cv2.ellipse(image, (290, 215), (semi_axes[0] - 20, 2), turn, 0, 360, 140, -1)
    grain = cv2.blur(np.random.default_rng(2).standard_normal(image.shape), (3, 3))
    return np.clip(image * (1 + grain), 0, 255).astype(np.uint8)


def test_a_drawn_chest_has_its_right_lung_on_the_left() -> None:
    image = phantoms("chest_segmentation", 512, 1, seed=1)[0, :, :, 0]
    prediction = Runtime().bundle("chest_segmentation").infer(image)
    columns = {label: np.nonzero(prediction.channel(label) > 0.5)[1] for label in ("lung_right", "heart", "lung_left")}
    assert all(len(found) > 400 for found in columns.values())
    assert columns["lung_right"].mean() < columns["heart"].mean() < columns["lung_left"].mean()
