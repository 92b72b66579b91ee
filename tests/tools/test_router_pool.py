from pathlib import Path

import numpy as np

from tools.training.router_pool import Pool, read_pool


def test_every_picture_is_seen_once_before_any_comes_again() -> None:
    pool = Pool(np.arange(10, dtype=np.float16)[:, None, None, None], np.arange(10))
    feed = pool.batches(5, seed=1)
    first = [next(feed) for _ in range(2)]
    assert sorted(np.concatenate([labels for _, labels in first]).tolist()) == list(range(10))
    for maps, labels in first:
        assert maps.dtype == np.float32
        assert np.array_equal(maps.ravel(), labels)  # a picture keeps its label
    second = [next(feed)[1].tolist() for _ in range(2)]
    assert second != [labels.tolist() for _, labels in first]


def test_same_seed_gives_the_same_order() -> None:
    pool = Pool(np.zeros((30, 1, 1, 1), np.float16), np.arange(30))
    orders = [next(pool.batches(10, seed))[1].tolist() for seed in (3, 3, 4)]
    assert orders[0] == orders[1] != orders[2]


def test_pool_is_read_from_its_finished_files_alone(tmp_path: Path) -> None:
    for number, name in enumerate(("0000.npz", "0001.npz", "part-0002.npz")):
        np.savez(tmp_path / name, maps=np.full((2, 1, 1, 1), number, np.float16), labels=np.array([number] * 2))
    pool = read_pool(tmp_path)
    assert pool.labels.tolist() == [0, 0, 1, 1]
    assert pool.maps.shape == (4, 1, 1, 1)
