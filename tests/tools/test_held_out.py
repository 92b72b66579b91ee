import numpy as np

from tools.evaluation.held_out import LABELS, Features, discriminant, evaluate


def features() -> Features:
    """Every label has a direction of its own; lungs come in two sets, of which one lies where livers do."""
    rng = np.random.default_rng(0)
    values, labels, sets, splits = [], [], [], []
    for label in range(len(LABELS)):
        for number in range(40):
            centre = np.zeros(len(LABELS) + 2)
            astray = label == 0 and number >= 20
            centre[4 if astray else label] = 6.0
            if astray:
                centre[-1] = 1.0
            values.append(centre + rng.normal(0, 0.3, len(centre)))
            labels.append(label)
            sets.append("lungs_b" if astray else f"set_{label}")
            splits.append("train" if number % 4 else "val")
    names = np.array(sets)
    return Features(np.array(values, np.float32), np.array(labels), names, names, np.array(splits))


def test_set_that_looks_like_another_category_is_wrong_when_left_out_and_the_plain_one_is_not() -> None:
    report = evaluate(features())
    assert set(report["without_source"]) == {"us_lung: lungs_b", "us_lung: set_0"}
    assert report["without_source"]["us_lung: lungs_b"]["recall"] == 0
    assert report["without_source"]["us_lung: lungs_b"]["accepted_wrong"] > 0.5


def test_left_out_category_is_judged_by_how_much_of_it_is_refused() -> None:
    report = evaluate(features())
    assert set(report["without_category"]) == set(LABELS[:-1])
    assert report["without_category"]["xr_knee"]["auroc"] > 0.9
    assert report["without_kind"]["set_9"]["pictures"] == 40


def test_discriminant_finds_the_boundary_of_two_known_clouds_and_leaves_absent_labels_out() -> None:
    rng = np.random.default_rng(1)
    labels = np.repeat([2, 5], 2000)
    spread = np.array([3.0, 0.5])  # the first feature varies much and tells nothing
    values = (np.where(labels[:, None] == 2, [0.0, 0.0], [0.0, 2.0]) + rng.normal(size=(4000, 2)) * spread).astype("f4")
    asked = np.array([[8, 0.4], [-8, 0.4], [8, 1.6], [-8, 1.6]], np.float32)
    logits = discriminant(asked, values, labels)
    assert logits.argmax(axis=1).tolist() == [2, 2, 5, 5]
    assert logits[:, [0, 1, 3, 4, 6, 7, 8, 9]].max() < -100
