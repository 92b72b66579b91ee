import hashlib
import shutil
from pathlib import Path

import numpy as np
import pytest

from models.bundle import BUILT_IN_BUNDLES, Bundle, find_bundle, read_card
from models.errors import BundleNotFound, BundleRejected

BUNDLES = sorted(path.parent.name for path in BUILT_IN_BUNDLES.glob("*/card.toml"))


@pytest.fixture
def router(tmp_path: Path) -> Path:
    """A copy of the router's bundle, to be damaged."""
    return Path(shutil.copytree(BUILT_IN_BUNDLES / "router", tmp_path / "router"))


def edit_card(folder: Path, old: str, new: str) -> None:
    card = folder / "card.toml"
    text = card.read_text()
    assert old in text
    card.write_text(text.replace(old, new, 1))


@pytest.mark.parametrize("name", BUNDLES)
def test_built_in_bundle_loads_and_is_small(name: str) -> None:
    bundle = Bundle(BUILT_IN_BUNDLES / name)
    assert bundle.card.name == name
    assert bundle.card.metrics and bundle.card.int8 and bundle.card.limits and bundle.card.training_data
    assert (bundle.folder / "model.tflite").stat().st_size <= 4 * 1024 * 1024


@pytest.mark.parametrize("name", BUNDLES)
def test_any_picture_gets_finite_answers_of_the_declared_shape(name: str) -> None:
    bundle = Bundle(BUILT_IN_BUNDLES / name)
    random = np.random.default_rng(0)
    for shape in ((20, 700), (1080, 1920, 3), (64, 64)):
        prediction = bundle.infer(random.integers(0, 255, shape, dtype=np.uint8))
        assert prediction.values.shape[-1] == len(bundle.card.labels)
        assert np.isfinite(prediction.values).all()
        if bundle.card.task == "segmentation":
            assert prediction.values.min() >= 0 and prediction.values.max() <= 1


def test_two_answers_do_not_share_memory() -> None:
    bundle = Bundle(BUILT_IN_BUNDLES / "router")
    first = bundle.infer(np.zeros((64, 64), np.uint8)).values.copy()
    kept = bundle.infer(np.zeros((64, 64), np.uint8)).values
    bundle.infer(np.full((64, 64), 200, np.uint8))
    assert np.array_equal(kept, first)


def test_features_come_with_the_logits_that_follow_from_them() -> None:
    bundle = Bundle(BUILT_IN_BUNDLES / "router")
    first, second = (bundle.infer(np.full((64, 64), level, np.uint8)).features for level in (0, 200))
    assert first is not None and second is not None
    assert first.shape == (bundle.card.features,)
    assert first.min() >= 0  # a mean of ReLU6
    assert not np.array_equal(first, second)


def test_segmentation_gives_no_features() -> None:
    assert Bundle(BUILT_IN_BUNDLES / "chest_segmentation").infer(np.zeros((64, 64), np.uint8)).features is None


@pytest.mark.parametrize("features", [0, 1281])
def test_card_with_other_features_than_the_network_is_refused(router: Path, features: int) -> None:
    edit_card(router, "features = 1280", f"features = {features}")
    with pytest.raises(BundleRejected, match="features"):
        Bundle(router)


def test_features_that_differ_from_their_golden_vectors_are_refused(router: Path) -> None:
    path = router / "golden" / "vectors.npz"
    with np.load(path) as golden:
        vectors = dict(golden)
    vectors["features"][2].flat[7] ^= 1
    np.savez_compressed(path, **vectors)
    with pytest.raises(BundleRejected, match=r"golden vector 2 \(features\)"):
        Bundle(router)


def test_further_file_is_read_only_if_it_is_the_one_on_the_card(router: Path) -> None:
    (router / "more.npz").write_bytes(b"content")
    with pytest.raises(BundleNotFound, match=r"more\.npz"):
        Bundle(router).read("more.npz")
    edit_card(router, "[files]", f'[files]\n"more.npz" = "{hashlib.sha256(b"content").hexdigest()}"')
    bundle = Bundle(router)
    assert bundle.read("more.npz") == b"content"
    (router / "more.npz").write_bytes(b"contents")
    with pytest.raises(BundleRejected, match="SHA-256"):
        bundle.read("more.npz")


def test_damaged_network_is_refused_by_its_hash(router: Path) -> None:
    content = bytearray((router / "model.tflite").read_bytes())
    content[len(content) // 2] ^= 1
    (router / "model.tflite").write_bytes(content)
    with pytest.raises(BundleRejected, match="SHA-256"):
        Bundle(router)


def test_truncated_network_with_a_card_to_match_is_refused(router: Path) -> None:
    content = (router / "model.tflite").read_bytes()[:1000]
    (router / "model.tflite").write_bytes(content)
    edit_card(router, read_card(router).sha256, hashlib.sha256(content).hexdigest())
    with pytest.raises(BundleRejected, match="not a network"):
        Bundle(router)


def test_missing_network_is_named(router: Path) -> None:
    (router / "model.tflite").unlink()
    with pytest.raises(BundleNotFound, match=r"model\.tflite"):
        Bundle(router)


def test_missing_golden_vectors_are_named(router: Path) -> None:
    (router / "golden" / "vectors.npz").unlink()
    with pytest.raises(BundleNotFound, match="golden"):
        Bundle(router)


def test_network_that_computes_otherwise_than_its_golden_vectors_is_refused(router: Path) -> None:
    path = router / "golden" / "vectors.npz"
    with np.load(path) as golden:
        vectors = dict(golden)
    vectors["outputs"][0].flat[0] ^= 1
    np.savez_compressed(path, **vectors)
    with pytest.raises(BundleRejected, match="golden vector 0"):
        Bundle(router)


def test_golden_file_of_another_kind_is_refused(router: Path) -> None:
    (router / "golden" / "vectors.npz").write_text("not a zip")
    with pytest.raises(BundleRejected, match="golden"):
        Bundle(router)


def test_card_with_another_input_size_is_refused(router: Path) -> None:
    height = read_card(router).input.height
    edit_card(router, f"height = {height}", f"height = {height + 1}")
    with pytest.raises(BundleRejected, match="input is"):
        Bundle(router)


def test_card_with_a_label_too_few_is_refused(router: Path) -> None:
    edit_card(router, '"us_lung"', "")
    with pytest.raises(BundleRejected):
        Bundle(router)


def test_card_with_an_unknown_key_names_it(router: Path) -> None:
    (router / "card.toml").write_text("surprise = 1\n" + (router / "card.toml").read_text())
    with pytest.raises(BundleRejected, match="surprise"):
        read_card(router)


def test_card_that_is_no_toml_is_refused(router: Path) -> None:
    (router / "card.toml").write_bytes(b"\xff\xfe not toml")
    with pytest.raises(BundleRejected, match="TOML"):
        read_card(router)


def test_own_folder_comes_before_the_built_in_one(router: Path) -> None:
    assert find_bundle("router", (router.parent,)) == router
    assert find_bundle("router") == BUILT_IN_BUNDLES / "router"
    with pytest.raises(BundleNotFound, match="nothing_here"):
        find_bundle("nothing_here")
