import numpy as np
import pytest

from tools.module_evaluation.lungs import separation
from tools.training import lung_pattern as pattern
from tools.training.dataset import Row


def clip(path, group: str, label: str) -> pattern.Clip:
    row = Row(path, "us_lung", "us_lung_pocus", label, "train", group, "permissive", None, None, {})
    return pattern.Clip(row, [np.zeros((40, 40), np.uint8)])


def test_a_number_that_orders_every_clip_rightly_has_an_area_of_one() -> None:
    clips = [(0.1, False, "a"), (0.2, False, "b"), (0.8, True, "c"), (0.9, True, "d")]
    assert separation(clips)["auc_by_clip"] == 1
    assert separation([(-number, noted, group) for number, noted, group in clips])["auc_by_patient"] == 0


def test_many_clips_of_one_patient_count_as_one_patient() -> None:
    clips = [(0.9, False, "a")] * 9 + [(0.1, False, "b"), (0.5, True, "c")]
    assert separation(clips)["auc_by_clip"] == pytest.approx(0.1)
    assert separation(clips)["auc_by_patient"] == pytest.approx(0.5)


def test_the_last_layer_learns_a_direction_and_both_classes_weigh_alike(tmp_path) -> None:
    random = np.random.default_rng(1)
    clips = [clip(tmp_path, f"h{n // 3}", "normal") for n in range(12)] + [
        clip(tmp_path, f"i{n}", "covid") for n in range(4)
    ]
    weights = pattern.clip_weights(clips)
    assert weights[:12].sum() == pytest.approx(0.5) and weights.sum() == pytest.approx(1)
    features = [random.normal(2.0 * one.pathological, 1, (5, 6)) for one in clips]
    kernel, constant = pattern.fit_on(clips, features)
    logits = np.array([np.mean(one @ kernel + constant) for one in features])
    assert logits[12:].min() > logits[:12].max()


def test_a_left_out_patient_is_judged_by_a_layer_that_never_saw_it(tmp_path) -> None:
    random = np.random.default_rng(2)
    clips = [clip(tmp_path, f"g{n}", "covid" if n % 2 else "normal") for n in range(24)]
    features = [random.normal(0, 1, (4, 40)) for _ in clips]  # nothing to learn
    found = pattern.cross_validated(clips, features, features, np.random.default_rng(3))
    numbers = [(float(logit), one.pathological, one.row.group) for logit, one in zip(found, clips, strict=True)]
    assert 0.2 < separation(numbers)["auc_by_clip"] < 0.8
    kernel, constant = pattern.fit_on(clips, features)
    seen = [
        (float(np.mean(f @ kernel + constant)), c.pathological, c.row.group)
        for f, c in zip(features, clips, strict=True)
    ]
    assert separation(seen)["auc_by_clip"] > 0.95
