from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence

from edge_app.sources.dicom_levels import Levels
from edge_app.sources.image_header import BadImage


def _header(bits: int = 12, signed: bool = False, photometric: str = "MONOCHROME2", **elements: object) -> Dataset:
    header = Dataset()
    header.PhotometricInterpretation, header.PixelRepresentation = photometric, int(signed)
    header.BitsStored, header.BitsAllocated, header.SamplesPerPixel = bits, 8 if bits <= 8 else 16, 1
    for keyword, value in elements.items():
        setattr(header, keyword, value)
    return header


def _shown(header: Dataset, values: NDArray[Any] | list[Any], photometric: str = "MONOCHROME2") -> list[int]:
    stored = np.asarray(values) if isinstance(values, np.ndarray) else np.array([values], np.uint16)
    shown = Levels(header).to_frame(stored.reshape(1, -1), photometric)
    assert shown.dtype == np.uint8
    return [int(value) for value in shown.reshape(-1)]


def test_a_window_is_the_standards_formula() -> None:
    """PS3.3 C.11.2.1.2.1, linear: ((x - (c - 0.5)) / (w - 1) + 0.5) of the whole range."""
    center, width = 600.0, 401.0
    values = [0, 399, 400, 500, 600, 700, 799, 800, 4095]
    expected = [np.clip(((x - (center - 0.5)) / (width - 1) + 0.5) * 255, 0, 255) for x in values]
    shown = _shown(_header(WindowCenter=center, WindowWidth=width), values)
    assert np.allclose(shown, expected, atol=0.51)


def test_the_window_counts_in_rescaled_units() -> None:
    header = _header(16, signed=True, WindowCenter=40, WindowWidth=400, RescaleSlope=2, RescaleIntercept=-1024)
    hounsfield = np.array([-2000, -160, 40, 240, 3000])
    stored = ((hounsfield + 1024) / 2).astype(np.int16)
    assert np.allclose(_shown(header, stored), [0, 0, 127.5, 255, 255], atol=1)


def test_a_negative_slope_turns_the_values_but_not_the_window() -> None:
    header = _header(12, WindowCenter=-2000, WindowWidth=1000, RescaleSlope=-1, RescaleIntercept=0)
    assert _shown(header, [1000, 3000]) == [255, 0]


def test_of_several_windows_the_first_counts() -> None:
    header = _header(WindowCenter=[600, 3000], WindowWidth=[400, 100])
    assert _shown(header, [300, 900]) == [0, 255]


@pytest.mark.parametrize("function", ["SIGMOID", "LINEAR_EXACT"])
def test_other_window_functions_are_known(function: str) -> None:
    low, middle, high = _shown(_header(WindowCenter=600, WindowWidth=400, VOILUTFunction=function), [0, 600, 4095])
    assert low <= 1 and abs(middle - 128) <= 1 and high == 255


def test_a_window_that_makes_no_sense_gives_way_to_percentiles() -> None:
    ramp = np.linspace(1000, 3000, 500).astype(np.uint16)
    shown = _shown(_header(WindowCenter=0, WindowWidth=0), ramp)
    assert shown[0] == 0 and shown[-1] == 255 and abs(shown[250] - 127) <= 2


def test_a_voi_lut_goes_before_the_window() -> None:
    table = Dataset()
    table.LUTDescriptor, table.LUTData = [4, 100, 8], [0, 50, 200, 255]
    header = _header(VOILUTSequence=Sequence([table]), WindowCenter=600, WindowWidth=400)
    assert _shown(header, [0, 100, 101, 102, 103, 4000]) == [0, 0, 50, 200, 255, 255]


def test_a_modality_lut_comes_first() -> None:
    table = Dataset()
    table.LUTDescriptor, table.LUTData, table.ModalityLUTType = [3, 0, 16], [0, 1000, 2000], "US"
    header = _header(ModalityLUTSequence=Sequence([table]), WindowCenter=1000, WindowWidth=2001)
    assert np.allclose(_shown(header, [0, 1, 2]), [0, 127.5, 255], atol=1)


@pytest.mark.parametrize("sign", ["MONOCHROME1", "INVERSE"])
def test_inverse_pictures_are_inverted(sign: str) -> None:
    header = _header(8, photometric="MONOCHROME1" if sign == "MONOCHROME1" else "MONOCHROME2")
    if sign == "INVERSE":
        header.PresentationLUTShape = "INVERSE"
    stored = np.array([0, 100, 255], np.uint8)
    assert _shown(header, stored, header.PhotometricInterpretation) == [255, 155, 0]


@pytest.mark.parametrize(("bits", "most"), [(8, 255), (6, 63), (1, 1)])
def test_up_to_8_bits_without_a_window_are_shown_by_their_full_range(bits: int, most: int) -> None:
    assert _shown(_header(bits), np.array([0, most // 2, most], np.uint8)) == [0, round(most // 2 * 255 / most), 255]


def test_signed_8_bits_are_shown_by_their_full_range() -> None:
    assert _shown(_header(8, signed=True), np.array([-128, 0, 127], np.int8)) == [0, 128, 255]


def test_more_bits_without_a_window_are_shown_by_percentiles_of_the_first_frame() -> None:
    levels = Levels(_header(16, signed=True))
    first = np.linspace(-500, 1500, 10_000).astype(np.int16).reshape(100, 100)
    shown = levels.to_frame(first, "MONOCHROME2")
    assert shown.min() == 0 and shown.max() == 255
    brighter = levels.to_frame(np.full((10, 10), 500, np.int16), "MONOCHROME2")
    assert abs(int(brighter[0, 0]) - 127) <= 1, "a clip must not flicker"


@pytest.mark.parametrize("photometric", ["MONOCHROME1", "MONOCHROME2"])
def test_padding_is_black_and_does_not_count(photometric: str) -> None:
    header = _header(16, signed=True, photometric=photometric, PixelPaddingValue=-2000, PixelPaddingRangeLimit=-1900)
    stored = np.concatenate((np.full(500, -2000), np.full(500, -1950), np.linspace(0, 1000, 1000))).astype(np.int16)
    shown = _shown(header, stored, photometric)
    assert not any(shown[:1000])
    assert abs(shown[1500] - 127) <= 2


def test_32_bit_and_float_pixels_are_shown() -> None:
    for depth in (np.uint32, np.float32):
        ramp = np.linspace(0, 1e6, 1000).astype(depth)
        shown = _shown(_header(32, BitsAllocated=32), ramp)
        assert shown[0] == 0 and shown[-1] == 255 and abs(shown[500] - 127) <= 2


def test_big_endian_pixels_are_the_same_pixels() -> None:
    header = _header(WindowCenter=600, WindowWidth=400)
    values = np.array([300, 600, 900], np.uint16)
    assert _shown(header, values.astype(">u2")) == _shown(header, values)


def test_window_and_rescale_of_an_enhanced_image_are_found_in_its_groups() -> None:
    window, rescale, group = Dataset(), Dataset(), Dataset()
    window.WindowCenter, window.WindowWidth = 40, 400
    rescale.RescaleSlope, rescale.RescaleIntercept = 1, -1024
    group.FrameVOILUTSequence = Sequence([window])
    group.PixelValueTransformationSequence = Sequence([rescale])
    header = _header(16, SharedFunctionalGroupsSequence=Sequence([group]))
    assert np.allclose(_shown(header, [0, 1064, 2000]), [0, 127.5, 255], atol=1)


def _palette(bits: int, entries: list[int]) -> dict[str, object]:
    data = np.array(entries, np.uint8 if bits == 8 else np.uint16).tobytes()
    colours = {}
    for colour in ("Red", "Green", "Blue"):
        colours[f"{colour}PaletteColorLookupTableDescriptor"] = [len(entries), 0, bits]
        colours[f"{colour}PaletteColorLookupTableData"] = data if colour == "Red" else bytes(len(data))
    return colours


@pytest.mark.parametrize(("bits", "entries"), [(16, [0, 0x8000, 0xFFFF, 0]), (16, [0, 0x80, 0xFF, 0])])
def test_a_palette_of_16_bit_entries_gives_bgr(bits: int, entries: list[int]) -> None:
    header = _header(8, photometric="PALETTE COLOR", **_palette(bits, entries))
    shown = Levels(header).to_frame(np.array([[0, 1, 2]], np.uint8), "PALETTE COLOR")
    assert shown.tolist() == [[[0, 0, 0], [0, 0, 0x80], [0, 0, 0xFF]]]


@pytest.mark.parametrize(
    ("y_cb_cr", "bgr"), [((76, 85, 255), (0, 0, 254)), ((29, 255, 107), (254, 0, 0)), ((128, 128, 128), (128,) * 3)]
)
def test_full_range_ybr_is_converted(y_cb_cr: tuple[int, ...], bgr: tuple[int, ...]) -> None:
    header = _header(8, photometric="YBR_FULL_422", SamplesPerPixel=3)
    shown = Levels(header).to_frame(np.array([[y_cb_cr]], np.uint8), "YBR_FULL_422")
    assert np.allclose(shown[0, 0], bgr, atol=2)


def test_deep_colours_keep_their_upper_8_bits() -> None:
    header = _header(12, photometric="RGB", SamplesPerPixel=3)
    assert Levels(header).to_frame(np.array([[[4095, 2048, 15]]], np.uint16), "RGB").tolist() == [[[0, 128, 255]]]


@pytest.mark.parametrize("photometric", ["HSV", "CMYK", "", "RGB"])
def test_an_interpretation_that_is_not_known_is_refused(photometric: str) -> None:
    with pytest.raises(BadImage, match="photometric"):
        Levels(_header(8)).to_frame(np.zeros((4, 4), np.uint8), photometric)
