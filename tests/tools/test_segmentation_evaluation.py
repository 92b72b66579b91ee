import pytest

from tools.evaluation.segmentation import Case, summarise


def case(name: str, group: str, overlap: float, found: float | None, true: float | None = 100.0) -> Case:
    return Case(name, group, {"head": overlap}, {"head_circumference": (found, true)})


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
