from dataclasses import replace

import cv2
import numpy as np
import pytest
from fakes.pictures import frame, sector
from numpy.typing import NDArray

from edge_app import screen
from edge_app.records import Box, Frame


def screen_with(picture: NDArray[np.uint8], x: int, y: int) -> NDArray[np.uint8]:
    """A drawn scanner screen, 720p: dark gray, with text, a ruler and a gray bar around the picture."""
    pixels = np.full((720, 1280, 3), 12, np.uint8)
    pixels[y : y + picture.shape[0], x : x + picture.shape[1]] = cv2.cvtColor(picture, cv2.COLOR_GRAY2BGR)
    for row in range(40, 200, 24):
        cv2.putText(pixels, "MI 0.9 TIS 0.4", (20, row), cv2.FONT_HERSHEY_SIMPLEX, 0.5, (200, 200, 200), 1)
    for row in range(60, 700, 20):
        cv2.line(pixels, (1240, row), (1250, row), (255, 255, 255), 1)
    cv2.rectangle(pixels, (1190, 300), (1205, 500), (180, 180, 180), -1)
    return pixels


@pytest.mark.parametrize("x,y", [(300, 100), (420, 180), (200, 40)])
def test_picture_area_on_a_scanner_screen_holds_the_picture_and_not_the_furniture(x: int, y: int) -> None:
    drawn = sector(height=480, width=640)
    picture = screen.look(frame(screen_with(drawn, x, y)))
    rows, columns = np.nonzero(drawn)
    assert picture.state == "still"
    area = picture.area
    assert area.x <= x + columns.min() and area.x + area.width >= x + columns.max()
    assert area.y <= y + rows.min() and area.y + area.height >= y + rows.max()
    assert area.width * area.height < 1.35 * (np.ptp(columns) * np.ptp(rows))


def test_picture_that_fills_the_screen_is_taken_whole() -> None:
    pixels = np.random.default_rng(0).integers(30, 255, (300, 400), dtype=np.uint8)
    assert screen.look(frame(pixels)).area == Box(0, 0, 400, 300)


def test_area_known_to_the_source_is_kept() -> None:
    known = Box(10, 20, 200, 150)
    plain = frame(sector())
    given = Frame(plain.pixels, 0, 0, plain.captured_at, "test", picture_area=known)
    assert screen.look(given).area == known


@pytest.mark.parametrize("level,shade", [(0, "black"), (255, "white"), (128, "gray")])
def test_plain_screen_is_blank(level: int, shade: str) -> None:
    picture = screen.look(frame(np.full((480, 640), level, np.uint8)))
    assert picture.state == "blank"
    assert shade in picture.reason


def test_blue_screen_is_no_signal() -> None:
    pixels = np.zeros((480, 640, 3), np.uint8)
    pixels[:] = (255, 0, 0)
    assert screen.look(frame(pixels)).state == "no_signal"


@pytest.mark.parametrize("signal", ["absent", "unstable", "out of range"])
def test_good_looking_frame_of_a_card_without_signal_is_no_signal(signal: str) -> None:
    good = frame(sector())
    pretending = Frame(good.pixels, 0, 0, good.captured_at, "test", clip_id="live", signal=signal)  # type: ignore[arg-type]
    picture = screen.look(pretending)
    assert picture.state == "no_signal"
    assert signal in picture.reason and "cable" in picture.reason


def test_colour_bars_are_no_signal() -> None:
    bars = [(191, 191, 191), (0, 191, 191), (191, 191, 0), (0, 191, 0), (191, 0, 191), (0, 0, 191), (191, 0, 0)]
    pixels = np.repeat(np.array(bars, np.uint8)[np.newaxis], 480, axis=0).repeat(92, axis=1)
    assert screen.look(frame(pixels)).state == "no_signal"


def test_colour_doppler_picture_is_no_colour_bars() -> None:
    pixels = cv2.cvtColor(sector(height=480, width=640), cv2.COLOR_GRAY2BGR)
    for index, colour in enumerate([(255, 0, 0), (0, 0, 255), (0, 255, 255), (0, 255, 0), (255, 0, 255)]):
        cv2.circle(pixels, (260 + 30 * index, 200), 14, colour, -1)
    assert screen.look(frame(pixels)).state == "still"


def test_frame_of_a_clip_is_live() -> None:
    assert screen.look(frame(sector(), clip_id="clip")).state == "live"


@pytest.mark.parametrize("shape", [(1, 1), (1, 500), (16, 16), (17, 511), (3000, 20)])
def test_any_size_is_judged(shape: tuple[int, int]) -> None:
    pixels = np.random.default_rng(1).integers(0, 255, shape, dtype=np.uint8)
    area = screen.look(frame(pixels)).area
    assert area.x + area.width <= shape[1] and area.y + area.height <= shape[0]


def moving(x: int, time_s: float) -> Frame:
    """A frame of a clip whose picture starts at a column."""
    return frame(screen_with(sector(height=480, width=480), x, 100), clip_id="clip", time_s=time_s)


def test_area_of_a_moving_view_stays_for_half_a_second_and_is_then_found_again() -> None:
    watch = screen.ScreenWatch()
    first = watch.look(moving(200, 0.0), "cut").area
    assert watch.look(moving(500, 0.4), "moving").area == first
    assert watch.look(moving(500, 0.6), "moving").area.x > first.x + 200


def test_area_is_found_again_after_a_cut_in_another_clip_and_when_time_goes_back() -> None:
    for later, change in (
        (moving(500, 0.1), "cut"),
        (replace(moving(500, 0.1), clip_id="another"), "moving"),
        (moving(500, -5.0), "moving"),
    ):
        watch = screen.ScreenWatch()
        first = watch.look(moving(200, 0.0), "cut").area
        assert watch.look(later, change).area.x > first.x + 200  # type: ignore[arg-type]


def test_signal_is_judged_on_every_frame_while_the_area_is_kept() -> None:
    watch = screen.ScreenWatch()
    watch.look(moving(200, 0.0), "cut")
    black = replace(moving(200, 0.1), pixels=np.zeros((720, 1280, 3), np.uint8))
    assert watch.look(black, "moving").state == "blank"
