from dataclasses import replace

import numpy as np
import pytest

from cad_modules.contract import AnalysisContext, Image, UnsuitableImage
from cad_modules.sonogram import has_two_views, refuse_unusable


def speckle(height: int = 240, width: int = 320, seed: int = 1) -> Image:
    return np.random.default_rng(seed).integers(10, 160, (height, width)).astype(np.uint8)


def fan(height: int = 240, width: int = 320) -> Image:
    rows, columns = np.mgrid[:height, :width]
    inside = (np.abs(columns - width / 2) < 20 + 0.5 * rows) & (rows > 8)
    return np.where(inside, speckle(height, width), 0).astype(np.uint8)


@pytest.fixture
def context(make_context) -> AnalysisContext:
    return make_context("us_breast")


def test_a_gray_picture_of_one_view_is_used(context: AnalysisContext) -> None:
    for image in (speckle(), fan()):
        refuse_unusable(image, context)


@pytest.mark.parametrize("image", [np.zeros((240, 320), np.uint8), np.full((240, 320), 255, np.uint8)])
def test_a_blank_picture_is_refused(context: AnalysisContext, image: Image) -> None:
    with pytest.raises(UnsuitableImage, match="blank"):
        refuse_unusable(image, context)


@pytest.mark.parametrize("shape", [(16, 16), (40, 300), (300, 40)])
def test_a_tiny_picture_is_refused(context: AnalysisContext, shape: tuple[int, int]) -> None:
    with pytest.raises(UnsuitableImage, match="too small"):
        refuse_unusable(speckle(*shape), context)


def test_colour_doppler_is_refused_and_a_tinted_or_marked_picture_is_not(context: AnalysisContext) -> None:
    with pytest.raises(UnsuitableImage, match="Doppler"):
        refuse_unusable(speckle(), replace(context, colour_fraction=0.08))
    for fraction in (0.002, 0.95):
        refuse_unusable(speckle(), replace(context, colour_fraction=fraction))


@pytest.mark.parametrize("gap_gray", [0, 128, 255])
@pytest.mark.parametrize("gap_width", [2, 12])
@pytest.mark.parametrize("view", [speckle, fan])
def test_two_views_side_by_side_are_refused(context: AnalysisContext, view, gap_gray: int, gap_width: int) -> None:
    image = np.hstack((view(), np.full((240, gap_width), gap_gray, np.uint8), view()))
    with pytest.raises(UnsuitableImage, match="side by side"):
        refuse_unusable(image, context)


def test_a_shadow_under_the_skin_and_a_dark_edge_are_no_second_view() -> None:
    shadowed = speckle()
    shadowed[12:, 140:160] = 0
    assert not has_two_views(shadowed)
    framed = np.hstack((speckle(), np.zeros((240, 200), np.uint8)))
    assert not has_two_views(framed)
