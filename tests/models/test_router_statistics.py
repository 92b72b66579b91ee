import hashlib
import io
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from models.bundle import BUILT_IN_BUNDLES, Bundle, Prediction, read_card
from models.errors import BundleNotFound, BundleRejected
from models.router_statistics import (
    ENERGY_WEIGHT,
    FILE_NAME,
    ODDS_WEIGHT,
    RouterStatistics,
    energy_of,
    limit,
    log_sigmoid,
    read_statistics,
)

CATEGORIES = 3


@pytest.fixture
def statistics() -> RouterStatistics:
    """Two features of which the first tells; five known pictures at 0, 1 ... 4 of it; three categories and reject."""
    ascending = np.arange(1, 100, dtype=np.float32)
    return RouterStatistics(
        head="softmax",
        centre=np.zeros(2, np.float32),
        components=np.array([[1.0], [0.0]], np.float32),
        neighbours=np.arange(5, dtype=np.float32)[:, None],
        known_distances=ascending,
        known_odds=-ascending[::-1],
        known_energies=-ascending[::-1],
        ood_slope=1.0,
        ood_offset=-4.0,
        nonconformity=(ascending / 100,) * CATEGORIES,
        weights=np.eye(4, 2, dtype=np.float32),
        biases=np.zeros(4, np.float32),
        sigmoid_slopes=np.ones(4, np.float32),
        sigmoid_offsets=np.zeros(4, np.float32),
    )


def prediction(*features: float) -> Prediction:
    return Prediction(("a", "b", "c", "reject"), np.arange(4, dtype=np.float32), np.array(features, np.float32))


def test_distance_is_that_to_the_fifth_nearest_known_picture(statistics: RouterStatistics) -> None:
    assert statistics.distance(prediction(10, 77)) == pytest.approx(10)
    assert statistics.distance(prediction(2, 0)) == pytest.approx(2)


def test_strangeness_grows_with_either_sign_of_it(statistics: RouterStatistics) -> None:
    usual, strange = np.array([9.0, 0, 0, -40]), np.array([0.0, 0, 0, 40])
    values = [statistics.ood_score(logits, distance) for logits in (usual, strange) for distance in (2.0, 500.0)]
    assert values[0] < min(values[1:3]) and max(values[1:3]) < values[3]
    assert values[0] >= 0 and values[3] <= 1


def test_strangeness_of_the_strangest_is_that_of_one_in_all_known_ones(statistics: RouterStatistics) -> None:
    strange = np.array([-500.0, -500, -500, 900])
    all_of_them = ODDS_WEIGHT + ENERGY_WEIGHT + 1
    assert statistics.strangeness(strange, 1e9) == pytest.approx(all_of_them * np.log(100))


def test_energy_is_high_where_no_category_is_likely_whatever_the_reject_output_says() -> None:
    assert energy_of(np.array([5.0, -50, -50, 99])) == pytest.approx(-5)
    assert energy_of(np.array([0.0, 0, 0, -99])) == pytest.approx(-np.log(3))


def test_low_logits_of_all_categories_are_strange_at_the_same_odds(statistics: RouterStatistics) -> None:
    sure, faint = np.array([60.0, 0, 0, 10]), np.array([10.0, -50, -50, -40])
    assert statistics.strangeness(faint, 2.0) > statistics.strangeness(sure, 2.0)


def test_set_holds_what_cannot_be_ruled_out_most_probable_first(statistics: RouterStatistics) -> None:
    assert statistics.prediction_set(np.array([0.44, 0.55, 0.01]), 0.9) == (1, 0)
    assert statistics.prediction_set(np.array([0.44, 0.55, 0.01]), 0.7) == (1,)


def test_set_is_never_empty(statistics: RouterStatistics) -> None:
    assert statistics.prediction_set(np.array([0.3, 0.4, 0.3]), 0.01) == (1,)


def test_limit_covers_the_stated_share_of_new_values_from_the_same_source() -> None:
    rng = np.random.default_rng(0)
    covered = [rng.random(50) <= limit(np.sort(rng.random(99)).astype(np.float32), 0.9) for _ in range(400)]
    assert np.mean(covered) == pytest.approx(0.9, abs=0.01)


def test_limit_is_infinite_where_the_values_cannot_vouch_for_the_level() -> None:
    values = np.arange(50, dtype=np.float32)
    assert limit(values, 0.99) == float("inf")
    assert limit(values, 0.5) == 25


def test_support_vector_machine_scores_by_its_own_weights(statistics: RouterStatistics) -> None:
    machine = replace(statistics, head="svm")
    assert machine.logits(prediction(3, -3)) == pytest.approx(log_sigmoid(np.array([3.0, -3, 0, 0])))
    assert statistics.logits(prediction(3, -3)).tolist() == [0, 1, 2, 3]


def copy_with(folder: Path, change: dict[str, np.ndarray | None]) -> Path:  # type: ignore[type-arg]
    """The built-in router with arrays of its statistics replaced or left out, and a card to match."""
    folder = Path(shutil.copytree(BUILT_IN_BUNDLES / "router", folder / "router"))
    with np.load(folder / FILE_NAME) as stored:
        arrays = {key: value for key, value in (dict(stored) | change).items() if value is not None}
    buffer = io.BytesIO()
    np.savez_compressed(buffer, **arrays)
    (folder / FILE_NAME).write_bytes(buffer.getvalue())
    card = folder / "card.toml"
    new = hashlib.sha256(buffer.getvalue()).hexdigest()
    card.write_text(card.read_text().replace(read_card(folder).files[FILE_NAME], new))
    return folder


def test_statistics_without_an_array_or_for_another_network_are_refused(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    with pytest.raises(BundleRejected, match="centre"):
        read_statistics(Bundle(copy_with(tmp_path / "a", {"centre": None})), "softmax")
    with pytest.raises(BundleRejected, match="1280 features"):
        read_statistics(Bundle(copy_with(tmp_path / "b", {"svm_weights": np.zeros((10, 3))})), "svm")


def test_missing_and_damaged_statistics_are_named(tmp_path: Path) -> None:
    folder = Path(shutil.copytree(BUILT_IN_BUNDLES / "router", tmp_path / "router"))
    content = (folder / FILE_NAME).read_bytes()
    (folder / FILE_NAME).write_bytes(content[:-1])
    with pytest.raises(BundleRejected, match="SHA-256"):
        read_statistics(Bundle(folder), "softmax")
    (folder / FILE_NAME).unlink()
    with pytest.raises(BundleNotFound, match=FILE_NAME):
        read_statistics(Bundle(folder), "softmax")


def test_network_without_features_is_no_router() -> None:
    with pytest.raises(BundleRejected, match="features"):
        read_statistics(Bundle(BUILT_IN_BUNDLES / "chest_segmentation"), "softmax")


def test_whole_router_stays_below_four_megabytes() -> None:
    folder = BUILT_IN_BUNDLES / "router"
    files = ["model.tflite", *read_card(folder).files]
    assert sum((folder / name).stat().st_size for name in files) <= 4 * 1024 * 1024
