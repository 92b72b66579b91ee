import logging

import pytest
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence

from edge_app.records import Box
from edge_app.sources.dicom_geometry import frame_times_s, number, picture_area, spacing_mm


def _header(**elements: object) -> Dataset:
    header = Dataset()
    header.Rows, header.Columns = 480, 640
    for keyword, value in elements.items():
        setattr(header, keyword, value)
    return header


def _region(
    corners: tuple[int, int, int, int], spatial: int = 1, data: int = 1, delta_cm: tuple[float, float] = (0.05, 0.05),
    units: tuple[int, int] = (3, 3),
) -> Dataset:  # fmt: skip
    region = Dataset()
    region.RegionSpatialFormat, region.RegionDataType = spatial, data
    region.RegionLocationMinX0, region.RegionLocationMinY0 = corners[:2]
    region.RegionLocationMaxX1, region.RegionLocationMaxY1 = corners[2:]
    region.PhysicalDeltaX, region.PhysicalDeltaY = delta_cm
    region.PhysicalUnitsXDirection, region.PhysicalUnitsYDirection = units
    return region


def _regions(*regions: Dataset) -> Dataset:
    return _header(SequenceOfUltrasoundRegions=Sequence(regions))


M_MODE, SPECTRAL = 2, 3


def test_the_largest_two_dimensional_region_is_the_picture() -> None:
    header = _regions(
        _region((0, 0, 639, 479), spatial=M_MODE),
        _region((10, 20, 109, 119), delta_cm=(0.01, 0.01)),
        _region((100, 50, 499, 449), delta_cm=(0.04, 0.04), data=2),
        _region((0, 0, 600, 400), spatial=SPECTRAL, data=3),
    )
    assert picture_area(header) == Box(100, 50, 400, 400)
    assert spacing_mm(header) == pytest.approx(0.4)


def test_a_negative_delta_is_a_direction() -> None:
    assert spacing_mm(_regions(_region((0, 0, 99, 99), delta_cm=(0.05, -0.05)))) == pytest.approx(0.5)


@pytest.mark.parametrize("units", [(4, 4), (3, 4), (0, 0)])
def test_only_centimetres_are_a_length(units: tuple[int, int]) -> None:
    header = _regions(_region((0, 0, 99, 99), units=units))
    assert spacing_mm(header) is None
    assert picture_area(header) == Box(0, 0, 100, 100)


def test_an_m_mode_alone_gives_neither_area_nor_spacing_even_beside_pixel_spacing() -> None:
    header = _regions(_region((0, 0, 99, 99), spatial=M_MODE))
    header.PixelSpacing = [0.3, 0.3]
    assert picture_area(header) is None and spacing_mm(header) is None


def test_a_region_a_few_pixels_over_the_edge_is_cut() -> None:
    assert picture_area(_regions(_region((240, 80, 641, 482)))) == Box(240, 80, 400, 400)


def test_a_region_of_another_image_size_counts_for_nothing(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    header = _regions(_region((100, 50, 900, 700)))
    assert picture_area(header) is None and spacing_mm(header) is None
    assert "another size" in caplog.text


@pytest.mark.parametrize("corners", [(10, 10, 10, 400), (400, 10, 10, 400), (700, 10, 900, 400), (0, 470, 600, 479)])
def test_a_region_without_extent_in_the_image_counts_for_nothing(corners: tuple[int, int, int, int]) -> None:
    assert picture_area(_regions(_region(corners))) is None


def test_a_region_with_missing_corners_counts_for_nothing() -> None:
    region = _region((0, 0, 99, 99))
    del region.RegionLocationMaxX1
    assert picture_area(_regions(region)) is None


@pytest.mark.parametrize("keyword", ["PixelSpacing", "ImagerPixelSpacing", "NominalScannedPixelSpacing"])
def test_square_spacing_is_taken(keyword: str) -> None:
    assert spacing_mm(_header(**{keyword: [0.143, 0.1435]})) == pytest.approx(0.14325)


def test_pixel_spacing_goes_before_the_detectors() -> None:
    assert spacing_mm(_header(ImagerPixelSpacing=[0.2, 0.2], PixelSpacing=[0.17, 0.17])) == 0.17


def test_spacing_that_differs_across_and_down_is_none_and_logged(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    assert spacing_mm(_header(PixelSpacing=[0.2, 0.25])) is None
    assert "0.25" in caplog.text and "pixels" in caplog.text


@pytest.mark.parametrize("wrong", [[0, 0], [0.1], [-1, -1], [1000, 1000], None])
def test_spacing_that_makes_no_sense_is_none(wrong: object) -> None:
    assert spacing_mm(_header(PixelSpacing=wrong)) is None


def test_zero_spacing_gives_way_to_the_next() -> None:
    assert spacing_mm(_header(PixelSpacing=[0, 0], ImagerPixelSpacing=[0.2, 0.2])) == 0.2


@pytest.mark.parametrize("groups", ["SharedFunctionalGroupsSequence", "PerFrameFunctionalGroupsSequence"])
def test_spacing_of_an_enhanced_image_is_found_in_its_groups(groups: str) -> None:
    measures, group = Dataset(), Dataset()
    measures.PixelSpacing = [0.7, 0.7]
    group.PixelMeasuresSequence = Sequence([measures])
    assert spacing_mm(_header(**{groups: Sequence([group])})) == 0.7


def test_times_come_from_the_vector_first() -> None:
    header = _header(FrameTimeVector=[0, 40, 20, 100], FrameTime="33", CineRate=10)
    assert frame_times_s(header, 4) == pytest.approx([0, 0.04, 0.06, 0.16])


def test_a_vector_too_short_or_without_time_gives_way() -> None:
    assert frame_times_s(_header(FrameTimeVector=[0, 40], FrameTime="20"), 3) == pytest.approx([0, 0.02, 0.04])
    assert frame_times_s(_header(FrameTimeVector=[0, 0, 0], CineRate=50), 3) == pytest.approx([0, 0.02, 0.04])


def test_rates_stand_in_for_a_missing_frame_time() -> None:
    assert frame_times_s(_header(FrameTime="0", CineRate=25), 2) == pytest.approx([0, 0.04])
    assert frame_times_s(_header(RecommendedDisplayFrameRate=10), 2) == pytest.approx([0, 0.1])


def test_without_any_time_there_is_none() -> None:
    assert frame_times_s(_header(), 3) is None
    assert frame_times_s(_header(CineRate=0), 3) is None


def test_a_malformed_number_is_none() -> None:
    header = Dataset()
    header.add_new("FrameTime", "LO", "x33")
    assert number(header, "FrameTime") is None
    assert number(header, "CineRate") is None
