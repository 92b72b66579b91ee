import logging
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from cad_modules.contract import AnalysisContext, CadModule, ClipFrame, Finding, Findings, UnsuitableImage
from cad_modules.runtime import MAX_REASON_CHARACTERS, Runtime, clip_context, run_module
from models.bundle import BUILT_IN_BUNDLES, Prediction
from models.errors import BundleNotFound, BundleRejected, ModelError

IMAGE = np.full((90, 120), 100, np.uint8)


def module_of(analyze, **changes) -> CadModule:
    values = {
        "name": "sample",
        "version": "2.1.0",
        "summary": "A sample",
        "categories": ("us_lung",),
        "features": {"score": "1"},
        "analyze": analyze,
        "experimental": False,
    }
    return CadModule(**(values | changes))


def context() -> AnalysisContext:
    return Runtime().context_for(IMAGE, "us_lung")


def raises(error: BaseException):
    def analyze(image, context) -> Findings:
        raise error

    return analyze


def test_a_good_answer_is_ok_and_timed() -> None:
    answer = Findings((Finding("score", 0.5, "1"),))
    result = run_module(module_of(lambda image, context: answer), IMAGE, context())
    assert (result.status, result.reason, result.findings) == ("ok", "", answer)
    assert (result.module, result.version, result.experimental) == ("sample", "2.1.0", False)
    assert 0 <= result.duration_ms < 1000


@pytest.mark.parametrize(
    ("error", "status", "reason"),
    [
        (UnsuitableImage("no pleural line is visible"), "unsuitable", "no pleural line is visible"),
        (BundleNotFound("no model bundle 'x'"), "unavailable", "no model bundle 'x'"),
        (ZeroDivisionError("division by zero"), "failed", "ZeroDivisionError: division by zero"),
        (MemoryError(), "failed", "MemoryError: "),
    ],
)
def test_whatever_a_module_raises_becomes_a_status_with_its_reason(error, status: str, reason: str) -> None:
    result = run_module(module_of(raises(error)), IMAGE, context())
    assert (result.status, result.reason, result.findings) == (status, reason.strip(), Findings())


def test_a_failure_is_logged_with_its_traceback_and_reported_without(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        result = run_module(module_of(raises(KeyError("annulus"))), IMAGE, context())
    assert "Traceback" not in result.reason
    assert caplog.records[0].exc_info is not None
    assert "sample 2.1.0" in caplog.text


def test_a_long_message_is_cut_to_one_line() -> None:
    result = run_module(module_of(raises(ValueError("a\n" * 5000))), IMAGE, context())
    assert len(result.reason) == MAX_REASON_CHARACTERS
    assert "\n" not in result.reason


@pytest.mark.parametrize("error", [KeyboardInterrupt(), SystemExit(1)])
def test_the_end_of_the_process_is_not_held_up(error: BaseException) -> None:
    with pytest.raises(type(error)):
        run_module(module_of(raises(error)), IMAGE, context())


@pytest.mark.parametrize(
    "answer", [None, {"score": 1}, Findings((Finding("other", 1.0, "1"),)), Findings((Finding("score", 1.0, "mm"),))]
)
def test_an_undeclared_answer_is_a_failure(answer) -> None:
    result = run_module(module_of(lambda image, context: answer), IMAGE, context())
    assert result.status == "failed"
    assert result.reason.startswith("ModuleContractError")
    assert result.findings == Findings()


def test_the_image_is_read_only_for_the_module_and_stays_as_it_was_for_the_caller() -> None:
    def paint(image, context) -> Findings:
        image[0, 0] = 7
        return Findings()

    image = IMAGE.copy()
    result = run_module(module_of(paint), image, context())
    assert result.status == "failed" and "read-only" in result.reason
    assert image.flags.writeable and image[0, 0] == 100


def test_making_the_image_writeable_is_a_failure() -> None:
    def unlock(image, context) -> Findings:
        image.setflags(write=True)
        return Findings()

    result = run_module(module_of(unlock), IMAGE.copy(), context())
    assert result.status == "failed" and "writeable" in result.reason


class CountingBundle:
    def __init__(self) -> None:
        self.images: list[np.ndarray] = []

    def infer(self, image: np.ndarray) -> Prediction:
        self.images.append(image)
        return Prediction(("score",), np.array([len(self.images)], np.float32))


@pytest.fixture
def counted(monkeypatch: pytest.MonkeyPatch) -> tuple[Runtime, CountingBundle]:
    runtime, bundle = Runtime(), CountingBundle()
    monkeypatch.setattr(runtime, "bundle", lambda name: bundle)
    return runtime, bundle


def test_a_network_runs_once_per_picture_for_all_modules_that_share_the_cache(counted) -> None:
    runtime, bundle = counted
    cache: dict[str, Prediction] = {}
    first = runtime.context_for(IMAGE, "us_lung", shared_cache=cache)
    second = runtime.context_for(IMAGE, "us_liver", 0.2, cache)
    assert first.infer("net") is first.infer("net") is second.infer("net")
    assert len(bundle.images) == 1
    assert (second.category, second.mm_per_pixel) == ("us_liver", 0.2)


def test_the_next_picture_gets_its_own_answer(counted) -> None:
    runtime, bundle = counted
    for image in (IMAGE, IMAGE + 1):
        runtime.context_for(image, "us_lung").infer("net")
    assert [image[0, 0] for image in bundle.images] == [100, 101]


def clip_of(runtime: Runtime, *modules: CadModule) -> tuple[ClipFrame, ...]:
    return runtime.clip_frames([IMAGE, IMAGE + 1], [0.0, 0.04], [0.0, 0.5], [module.models for module in modules])


def test_a_network_runs_once_per_frame_of_a_clip_for_all_its_readers(counted) -> None:
    runtime, bundle = counted
    first = module_of(lambda frames, context: Findings(), scope="clip", models=("heart",))
    frames = clip_of(runtime, first, replace(first, name="second"))
    answers = [[frame.infer("heart") for frame in frames] for _ in range(2)]
    assert len(bundle.images) == 2
    for one, other in zip(*answers, strict=True):
        assert np.array_equal(one.values, other.values) and not one.values.flags.writeable
    assert [(frame.time_s, frame.colour_fraction) for frame in frames] == [(0.0, 0.0), (0.04, 0.5)]


def test_what_only_one_clip_module_reads_is_not_kept(counted) -> None:
    runtime, bundle = counted
    module = module_of(lambda frames, context: Findings(), scope="clip", models=("heart",))
    frames = clip_of(runtime, module, module_of(lambda frames, context: Findings(), scope="clip"))
    for _ in range(2):
        frames[0].infer("heart")
    assert len(bundle.images) == 2


def test_kept_answers_on_a_clip_are_bounded(counted, monkeypatch: pytest.MonkeyPatch) -> None:
    runtime, bundle = counted
    module = module_of(lambda frames, context: Findings(), scope="clip", models=("heart",))
    frames = clip_of(runtime, module, replace(module, name="second"))
    size = frames[0].infer("heart").values.nbytes // 2
    monkeypatch.setattr("cad_modules.runtime.MAX_SHARED_BYTES", size)
    for _ in range(3):
        for frame in frames:
            frame.infer("heart")
    assert len(bundle.images) == 1 + 3


def test_a_clip_module_gets_read_only_frames() -> None:
    def write(frames: tuple[ClipFrame, ...], context: AnalysisContext) -> Findings:
        frames[1].image[0, 0] = 7
        return Findings()

    result = run_module(module_of(write, scope="clip"), clip_of(Runtime()), clip_context("us_lung"))
    assert result.status == "failed" and "read-only" in result.reason


def test_what_modules_share_is_read_only(counted) -> None:
    with pytest.raises(ValueError, match="read-only"):
        counted[0].context_for(IMAGE, "us_lung").infer("net").values[0] = 1


def test_a_real_bundle_is_loaded_once_and_runs_on_gray_and_colour() -> None:
    runtime = Runtime()
    assert runtime.bundle("router") is runtime.bundle("router")
    gray = runtime.context_for(IMAGE, "us_lung").infer("router")
    colour = runtime.context_for(np.dstack([IMAGE] * 3), "us_lung").infer("router")
    assert gray.values.shape == colour.values.shape == (len(runtime.bundle("router").card.labels),)


def test_a_missing_bundle_makes_the_module_unavailable() -> None:
    module = module_of(lambda image, context: context.infer("unheard_of"), models=("unheard_of",))
    result = run_module(module, IMAGE, context())
    assert result.status == "unavailable"
    assert "no model bundle 'unheard_of'" in result.reason


def test_a_damaged_bundle_makes_the_module_unavailable_and_is_not_read_again(tmp_path: Path) -> None:
    folder = Path(shutil.copytree(BUILT_IN_BUNDLES / "router", tmp_path / "router"))
    (folder / "model.tflite").write_bytes(b"not a network")
    runtime = Runtime([tmp_path])
    module = module_of(lambda image, context: context.infer("router"), models=("router",))
    result = run_module(module, IMAGE, runtime.context_for(IMAGE, "us_lung"))
    assert result.status == "unavailable" and "SHA-256" in result.reason
    shutil.rmtree(folder)
    with pytest.raises(BundleRejected, match="SHA-256"):
        runtime.bundle("router")


def test_a_bundle_folder_comes_before_the_built_in_ones(tmp_path: Path) -> None:
    shutil.copytree(BUILT_IN_BUNDLES / "router", tmp_path / "router")
    assert Runtime([tmp_path]).bundle("router").folder == tmp_path / "router"
    assert Runtime().bundle("router").folder == BUILT_IN_BUNDLES / "router"


def test_every_model_error_is_a_reason_and_no_crash() -> None:
    assert issubclass(BundleNotFound, ModelError) and issubclass(BundleRejected, ModelError)
