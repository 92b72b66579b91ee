import csv
import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
from fakes.pictures import sector

from cad_modules.contract import CATEGORIES
from edge_app.classifier import Classifier
from models.bundle import BUILT_IN_BUNDLES, Bundle, read_card
from tools.evaluation.router import describe, main, prediction_sets, quantisation_loss
from tools.evaluation.router_answers import LABELS, Answers, ask, decisions
from tools.evaluation.router_curves import changed
from tools.training.dataset import read_rows

ROOT = Path(__file__).resolve().parents[2]
TYPICAL = 3.0
"""A distance that known pictures have."""
HEADER = ["file", "category", "label", "split", "group", "licence_class", "mask_file", "mm_per_pixel", "extra"]


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Two test pictures of a heart set and one training picture; one clip of a lung set; drawn, gray."""
    for category, name, files in (
        ("us_cardiac", "hearts", (("a.png", "test"), ("b.png", "test"), ("c.png", "train"))),
        ("us_lung", "lungs", (("clip.mp4", "test"),)),
    ):
        folder = tmp_path / "data" / category / name
        (folder / "images").mkdir(parents=True)
        with (folder / "labels.csv").open("w", newline="") as stream:
            table = csv.writer(stream)
            table.writerow(HEADER)
            for number, (file, split) in enumerate(files):
                table.writerow([f"images/{file}", category, "x", split, f"p{number}", "permissive", "", "", "{}"])
                if file.endswith(".png"):
                    cv2.imwrite(str(folder / "images" / file), sector(number))
                    continue
                writer = cv2.VideoWriter(str(folder / "images" / file), cv2.VideoWriter.fourcc(*"mp4v"), 10, (96, 96))
                for frame in range(20):
                    writer.write(cv2.cvtColor(sector(frame, 96, 96), cv2.COLOR_GRAY2BGR))
                writer.release()
    return tmp_path / "data"


@pytest.fixture
def classifier() -> Classifier:
    return Classifier(BUILT_IN_BUNDLES / "router", reject_threshold=0.5, accept_threshold=0.9)


def answers(labels: list[int], predicted: list[int | tuple[int, int]], groups: list[str] | None = None) -> Answers:
    """Sure answers; a pair stands for a picture between two labels."""
    logits = np.zeros((len(labels), len(LABELS)))
    for row, best in enumerate(predicted):
        for one in best if isinstance(best, tuple) else (best,):
            logits[row, one] = 20.0
    names = groups or [f"g{number}" for number in range(len(labels))]
    return Answers(
        logits, np.full(len(labels), TYPICAL), np.array(labels), np.array(["set"] * len(labels)), np.array(names)
    )


def test_clips_are_judged_on_evenly_spread_frames_and_every_network_sees_the_same_pictures(data: Path) -> None:
    seen: list[list[bytes]] = [[], []]

    def network(number: int):  # type: ignore[no-untyped-def]
        def run(image: np.ndarray) -> tuple[np.ndarray, float]:  # type: ignore[type-arg]
            seen[number].append(image.tobytes())
            return np.full(len(LABELS), image.mean(), np.float32), float(image.mean())

        return run

    rows = [row for row in read_rows(data) if row.split == "test"]
    first, second = ask([network(0), network(1)], rows, frames_per_clip=5)
    assert seen[0] == seen[1]
    assert first.labels.tolist() == [CATEGORIES.index("us_cardiac")] * 2 + [CATEGORIES.index("us_lung")] * 5
    assert len(np.unique(first.groups)) == 3
    assert np.array_equal(first.logits, second.logits)
    assert np.array_equal(first.distances, second.distances)


def test_decisions_tell_right_wrong_ambiguous_and_rejected_apart(classifier: Classifier) -> None:
    judged = answers([0, 0, 1, 2, 3, 9], [0, 1, (1, 2), (1, 3), 9, 4])
    assert decisions(judged, classifier) == {
        "accepted_right": 1,
        "accepted_wrong": 2,  # another category's picture, and a picture of none
        "ambiguous_right": 1,
        "ambiguous_wrong": 1,
        "rejected": 1,
    }


def test_report_counts_by_category_and_set(classifier: Classifier) -> None:
    report = describe(answers([0, 0, 0, 0, 1, 9], [0, 0, 0, 1, 1, 9]), classifier)
    assert report["recall"]["us_lung"]["value"] == 0.75
    assert report["recall"]["us_breast"] == {"value": 1.0, "interval": [1.0, 1.0], "pictures": 1}
    assert report["confusion"] == {
        "us_lung": {"us_lung": 3, "us_breast": 1},
        "us_breast": {"us_breast": 1},
        "reject": {"reject": 1},
    }
    assert report["macro_f1"] == pytest.approx((2 * 3 / 7 + 2 * 1 / 3) / 2, abs=1e-4)
    low, high = report["macro_f1_interval"]
    assert low < report["macro_f1"] < high


def test_prediction_sets_are_counted_by_category(classifier: Classifier) -> None:
    report = prediction_sets(answers([0, 0, 1, 2], [0, 1, 1, (1, 2)]), classifier)
    assert report["coverage"]["us_lung"]["value"] == 0.5
    assert report["coverage"]["us_breast"]["value"] == 1.0
    assert report["coverage"]["us_fetal_head"] == {"value": 1.0, "mean_size": 2.0}
    assert report["mean_size"] == 1.25


def test_loss_by_quantisation_is_the_difference_of_the_two_networks() -> None:
    floating, int8 = answers([0, 0, 1, 1], [0, 0, 1, 1]), answers([0, 0, 1, 1], [0, 1, 1, 1])
    loss = quantisation_loss(int8, floating)
    assert loss["float_macro_f1"] == 1.0
    assert loss["flip_rate"] == 0.25
    assert loss["macro_f1_drop"] == pytest.approx(1 - (2 / 3 + 4 / 5) / 2, abs=1e-4)


def test_report_goes_to_files_with_charts_and_onto_the_card(
    data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = Path(shutil.copytree(BUILT_IN_BUNDLES / "router", tmp_path / "router"))
    before = read_card(folder)
    main(["--bundle", str(folder), "--data", str(data), "--write-card", "--beside", str(folder / "model.tflite")])
    report = json.loads((folder / "report.json").read_text())
    assert report == json.loads(capsys.readouterr().out)
    assert report["test"]["pictures"] == 2 + 8
    assert 0.3 < report["int8"]["beside_invoke_ms"] / report["int8"]["invoke_ms"] < 3  # the same network, in turn
    card = Bundle(folder).card  # still a valid bundle
    assert card.metrics["test"]["macro_f1"] == report["test"]["macro_f1"]
    assert card.metrics["softmax"] == before.metrics["softmax"]
    assert set(report["test"]["heads"]) == {"softmax", "svm"}
    assert card.sha256 == before.sha256
    text = (folder / "REPORT.md").read_text()
    assert "10 pictures of 3 groups" in text and "| hearts |" in text and "on 1080p screen" in text
    charts = re.findall(r"\((report/\w+\.svg)\)", text)
    assert len(charts) == 3
    for chart in charts:
        assert (folder / chart).read_text().startswith("<svg")


def test_split_without_rows_is_named(data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["--data", str(data), "--split", "val", "--out", str(tmp_path)])
    assert "no row of the split val" in capsys.readouterr().err


def test_changed_pictures_are_told_apart(data: Path, classifier: Classifier) -> None:
    seen: dict[tuple[int, ...], int] = {}

    def network(image: np.ndarray) -> tuple[np.ndarray, float]:  # type: ignore[type-arg]
        seen[image.shape[:2]] = seen.get(image.shape[:2], 0) + 1
        logits = np.zeros(len(LABELS))
        logits[CATEGORIES.index("us_cardiac")] = 20.0
        return logits, TYPICAL

    report = changed(network, [row for row in read_rows(data) if row.split == "test"], classifier)
    assert {"plain", "longest_side_64", "on_1080p_screen", "border_only"} <= set(report)
    # Two of the six pictures (four frames of the clip) are hearts: one of the two categories is always right.
    assert report["plain"]["mean_recall_of_most_probable_category"] == 0.5
    assert report["plain"]["accepted_right"] == pytest.approx(2 / 6, abs=1e-4)
    assert report["plain"]["accepted_wrong"] == pytest.approx(4 / 6, abs=1e-4)
    assert any(max(shape) == 64 for shape in seen)


def test_tool_names_what_it_can_evaluate() -> None:
    ended = subprocess.run(
        [sys.executable, ROOT / "tools/evaluate", "nothing"], capture_output=True, text=True, check=False, timeout=60
    )
    assert ended.returncode != 0
    assert "router" in ended.stderr
