import numpy as np
import pytest
from fakes.pictures import frame, sector

from cad_modules.contract import CadModule, Findings, Overlay
from edge_app import screen
from edge_app.errors import EdgeCadError
from edge_app.evidence import PICTURE, PictureEvidence, digest, picture_again, read_picture, read_provenance
from edge_app.messages import FrameInfo, ModelInfo
from edge_app.records import Analysis, Evidence, Picture

MODELS = (ModelInfo(name="router", version="1.0.0", sha256="ab" * 32),)
TEXT = CadModule(
    "reader", "1.0.0", "text", ("us_cardiac",), {"text_box_count": "1"}, lambda image, context: Findings(),
    looks_at="screen",
)  # fmt: skip


def picture(width: int = 640) -> Picture:
    """A sector with bright letters, somewhere on a wide screen."""
    pixels = np.zeros((300, width), np.uint8)
    pixels[:240, 100:420] = sector()
    return screen.look(frame(pixels))


def found(*boxes: tuple[float, float, float, float], status: str = "ok") -> tuple[Analysis, ...]:
    overlays = tuple(Overlay("box", "text", ((x0, y0), (x1, y1))) for x0, y0, x1, y1 in boxes)
    return (Analysis("reader", "1.0.0", status, "", 1.0, True, (), overlays),)  # type: ignore[arg-type]


def make(analyses: tuple[Analysis, ...], mask_text: bool = True) -> tuple[list[Evidence], Picture]:
    looked = picture()
    return list(PictureEvidence(MODELS, {"accept_threshold": 0.8}, mask_text).make(looked, (TEXT,), analyses)), looked


def test_the_picture_area_comes_back_bit_by_bit_and_nothing_around_it() -> None:
    evidence, looked = make(found())
    provenance = read_provenance(evidence)
    assert provenance is not None
    again = picture_again(
        read_picture(evidence, provenance),
        provenance,
        FrameInfo(sequence=0, captured_at=looked.frame.captured_at, width=640, height=300, sha256="0" * 64),
        "test",
    )
    assert looked.area.width < 640
    assert again.area == looked.area
    assert again.state == looked.state
    assert np.array_equal(again.pixels, looked.pixels)
    assert np.count_nonzero(again.frame.pixels) == np.count_nonzero(looked.pixels)
    assert not provenance.whole_frame


def test_models_software_and_settings_are_named() -> None:
    provenance = read_provenance(make(found())[0])
    assert provenance is not None
    assert provenance.models == MODELS
    assert provenance.settings == {"accept_threshold": 0.8}
    assert {"edge-cad", "numpy", "machine"} <= provenance.software.keys()


def test_text_within_the_picture_is_blackened_and_nothing_else() -> None:
    evidence, looked = make(found((200, 100, 260, 120), (600, 280, 630, 290)))
    provenance = read_provenance(evidence)
    assert provenance is not None
    kept, area = read_picture(evidence, provenance), looked.area
    (masked,) = provenance.masked
    assert (masked.x, masked.y, masked.width, masked.height) == (198, 98, 65, 25)
    inside = np.zeros(kept.shape, bool)
    inside[98 - area.y : 123 - area.y, 198 - area.x : 263 - area.x] = True
    assert not kept[inside].any()
    assert np.array_equal(kept[~inside], looked.pixels[~inside])


def test_the_frame_itself_is_not_touched() -> None:
    looked = picture()
    before = digest(looked.frame.pixels)
    PictureEvidence(MODELS, {}).make(looked, (TEXT,), found((200, 100, 260, 120)))
    assert digest(looked.frame.pixels) == before


@pytest.mark.parametrize("analyses", [(), found(status="failed")])
def test_no_picture_is_kept_in_which_nothing_looked_for_text(analyses: tuple[Analysis, ...]) -> None:
    evidence, _ = make(analyses)
    provenance = read_provenance(evidence)
    assert [item.name for item in evidence] == ["provenance.json"]
    assert provenance is not None
    assert provenance.picture_sha256 is None
    assert "nothing looked for text" in provenance.not_kept


def test_without_masking_every_picture_is_kept_as_it_was() -> None:
    evidence, looked = make((), mask_text=False)
    provenance = read_provenance(evidence)
    assert provenance is not None
    assert np.array_equal(read_picture(evidence, provenance), looked.pixels)


def test_a_damaged_picture_is_told() -> None:
    evidence, _ = make(found())
    provenance = read_provenance(evidence)
    assert provenance is not None
    half = [Evidence(item.name, item.media_type, item.content[: len(item.content) // 2]) for item in evidence]
    for broken in (half, [item for item in evidence if item.name != PICTURE]):
        with pytest.raises(EdgeCadError, match="missing or damaged"):
            read_picture(broken, provenance)
    assert read_provenance([]) is None
