import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from cad_modules.contract import Findings, Overlay
from cad_modules.runtime import ModuleResult
from tools.module_evaluation.classical import CLASSICAL, CONTRAST, _write
from tools.module_evaluation.learned import dice, drawn
from tools.module_evaluation.statistics import agreement, area_under_curve, mean_interval, score
from tools.training.dataset import read_rows


def test_agreement_of_known_errors() -> None:
    report = agreement([11.0, 9.0, 12.0, 8.0], [10.0] * 4, ["a", "b", "c", "d"])
    assert report["mean_absolute_error"] == 1.5
    assert report["bias"] == 0
    spread = np.std([1, -1, 2, -2], ddof=1)
    assert report["limits_of_agreement"] == pytest.approx([-1.96 * spread, 1.96 * spread], abs=1e-4)
    assert report["largest"] == 2


def test_no_pictures_have_no_agreement() -> None:
    assert agreement([], [], []) == {"pictures": 0}
    assert score([], []) == {"pictures": 0}


def test_interval_knows_that_pictures_of_one_patient_are_alike() -> None:
    values = [0.0] * 50 + [1.0] * 50
    by_picture = mean_interval(values, [str(number) for number in range(100)])
    by_patient = mean_interval(values, [str(number // 10) for number in range(100)])
    assert by_picture[1] - by_picture[0] < 0.25
    assert by_patient[1] - by_patient[0] > 0.5


def test_area_under_curve_counts_ties_as_half() -> None:
    assert area_under_curve([2, 3], [0, 1]) == 1
    assert area_under_curve([0, 1], [0, 1]) == 0.5
    assert area_under_curve([0], [1]) == 0


def test_an_overlay_is_compared_as_the_area_that_it_encloses() -> None:
    overlay = Overlay("polygon", "heart", ((10.0, 10.0), (29.0, 10.0), (29.0, 39.0), (10.0, 39.0)))
    result = ModuleResult("sample", "1.0.0", "ok", "", 0.0, False, Findings((), (overlay,)))
    true = np.zeros((60, 60), np.bool_)
    true[10:40, 10:30] = True
    assert dice(drawn(result, "heart", true.shape), true) == 1
    assert dice(drawn(result, "lung", true.shape), true) == 0


def test_written_lines_lie_in_their_boxes_and_know_their_contrast() -> None:
    image = np.full((400, 600), 20, np.uint8)
    written, lines = _write(image, np.random.default_rng(1))
    assert lines
    for (left, top, right, bottom), contrast in lines:
        assert written[top:bottom, left:right].max() > 150
        assert contrast > CONTRAST


def test_a_small_data_set_is_evaluated_through_the_modules(tmp_path: Path) -> None:
    folder = tmp_path / "xr_chest" / "xr_chest_jsrt"
    (folder / "images").mkdir(parents=True)
    lines = ["file,category,label,split,group,licence_class,mask_file,mm_per_pixel,extra"]
    rows, columns = np.mgrid[:256, :256]
    for number in range(3):
        picture = np.clip(40 + rows * 0.6 + 60 * np.exp(-((columns - 128) ** 2) / 900) + number, 0, 230)
        cv2.imwrite(str(folder / "images" / f"{number}.png"), picture.astype(np.uint8))
        lines.append(f"images/{number}.png,xr_chest,normal,test,patient_{number},research,,,{json.dumps({})}")
    (folder / "labels.csv").write_text("\n".join(lines) + "\n")
    report = CLASSICAL["exposure_check"](read_rows(tmp_path), ())
    assert report["pictures"] == 3
    assert report["faulty copies"]["inverted"]["auc"] == 1
