import json
from pathlib import Path

import cv2
import numpy as np
from fakes.pictures import frame, sector
from typer.testing import CliRunner

from edge_app import screen
from edge_app.cli import app
from edge_app.screen_drawing import BAR_PX, DIMMED, draw

runner = CliRunner()


def screenshot(folder: Path, pixels: np.ndarray) -> Path:  # type: ignore[type-arg]
    path = folder / "screenshot.png"
    assert cv2.imwrite(str(path), pixels)
    return path


def on_screen() -> np.ndarray:  # type: ignore[type-arg]
    pixels = np.full((480, 800, 3), 20, np.uint8)
    pixels[100:340, 300:620] = cv2.cvtColor(sector(), cv2.COLOR_GRAY2BGR)
    return pixels


def test_the_picture_area_is_drawn_as_it_is_and_the_rest_is_dimmed(tmp_path: Path) -> None:
    path = screenshot(tmp_path, on_screen())
    done = runner.invoke(app, ["screen", str(path), "--json"])
    assert done.exit_code == 0, done.output
    facts = json.loads(done.stdout)
    area = facts["area"]
    assert facts["state"] == "still" and 250 < area["x"] < 360 and 200 < area["width"] < 420
    drawn = cv2.imread(facts["drawn"])
    assert drawn.shape == (480 + BAR_PX, 800, 3)
    inside = area["y"] + area["height"] // 2, area["x"] + area["width"] // 2
    assert np.array_equal(drawn[inside[0] + BAR_PX, inside[1]], on_screen()[inside])
    assert drawn[BAR_PX + 5, 5].tolist() == [round(20 * DIMMED)] * 3
    assert path.exists() and facts["drawn"] != str(path)


def test_a_screen_without_a_signal_says_so_and_a_given_path_is_written(tmp_path: Path) -> None:
    path = screenshot(tmp_path, np.full((300, 400, 3), (200, 20, 20), np.uint8))
    done = runner.invoke(app, ["screen", str(path), "-o", str(tmp_path / "found.png")])
    assert done.exit_code == 0 and "no_signal" in done.stdout
    assert (tmp_path / "found.png").exists()


def test_what_is_no_picture_or_cannot_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "text.png").write_text("no picture")
    assert runner.invoke(app, ["screen", str(tmp_path / "text.png")]).exit_code == 1
    assert runner.invoke(app, ["screen", str(tmp_path / "missing.png")]).exit_code == 1
    path = screenshot(tmp_path, on_screen())
    assert runner.invoke(app, ["screen", str(path), "-o", str(tmp_path / "no" / "folder.png")]).exit_code == 1


def test_a_gray_frame_is_drawn_too() -> None:
    assert draw(screen.look(frame(sector()))).shape == (240 + BAR_PX, 320, 3)
