import numpy as np
import pytest

from models.bundle import Prediction
from tools.evaluation.segmentation import Case, found_mask, summarise
from tools.training.segmentation_settings import settings_of


def case(name: str, group: str, overlap: float, found: float | None, true: float | None = 100.0) -> Case:
    return Case(name, group, {"head": overlap}, {}, {"head_circumference": (found, true)})


def test_a_summary_has_means_bias_and_the_worst_pictures() -> None:
    report = summarise([case("a", "1", 0.9, 101.0), case("b", "1", 0.8, 103.0), case("c", "2", 1.0, 98.0)])
    assert report["pictures"] == 3
    assert report["groups"] == 2
    assert report["dice_head"]["mean"] == pytest.approx(0.9)
    assert report["dice_head"]["worst_files"][0] == "b"
    error = report["head_circumference_absolute_error"]
    assert error["mean"] == pytest.approx(2.0)
    assert error["bias"] == pytest.approx(2 / 3, abs=1e-3)
    assert error["worst_files"][0] == "b"
    assert error["limits_of_agreement"][0] < error["bias"] < error["limits_of_agreement"][1]


def test_a_picture_that_cannot_be_measured_is_counted_and_not_averaged() -> None:
    report = summarise([case("a", "1", 0.9, 101.0), case("b", "2", 0.1, None)])
    error = report["head_circumference_absolute_error"]
    assert error["unsuitable"] == 1
    assert error["mean"] == pytest.approx(1.0)
    assert report["dice_head"]["mean"] == pytest.approx(0.5)


def test_nothing_measured_leaves_only_the_count() -> None:
    report = summarise([case("a", "1", 0.9, None)])
    assert report["head_circumference_absolute_error"] == {"unsuitable": 1}


def test_a_structure_that_is_not_there_counts_as_invented_and_not_as_overlap() -> None:
    cases = [
        Case("a", "1", {"lesion": 0.8}, {}, {"lesion_area": (10.0, 11.0)}),
        Case("b", "2", {}, {"lesion": 1.0}, {"lesion_area": (9.0, None)}),
        Case("c", "3", {}, {"lesion": 0.0}, {}),
    ]
    report = summarise(cases)
    assert report["dice_lesion"]["mean"] == pytest.approx(0.8)
    assert report["invented_lesion"]["fraction"] == pytest.approx(0.5)
    assert report["invented_lesion"]["pictures_without"] == 2
    assert report["lesion_area_absolute_error"]["mean"] == pytest.approx(1.0)
    assert report["lesion_area_absolute_error"]["unsuitable"] == 2


def test_only_labels_that_may_be_in_several_places_keep_every_region() -> None:
    maps = np.zeros((32, 32, 1), np.float32)
    maps[4:20, 4:14] = 1
    maps[24:30, 24:30] = 1
    vessels = found_mask(Prediction(("vessel",), maps), "vessel", (64, 64), settings_of("nerve_segmentation"))
    head = found_mask(Prediction(("head",), maps), "head", (64, 64), settings_of("fetal_head_segmentation"))
    assert vessels[54, 54] and vessels[20, 20]
    assert head[20, 20] and not head[54, 54]
