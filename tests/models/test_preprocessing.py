import hashlib

import numpy as np
import pytest

from models.preprocessing import fit, network_input


def test_scaling_gives_the_same_bits_on_every_machine() -> None:
    """The digest was computed on x86-64; aarch64 gives the same one."""
    pixels = np.random.default_rng(7).integers(0, 256, (1080, 1920, 3), dtype=np.uint8)
    assert hashlib.sha256(fit(pixels, 160, 160).tobytes()).hexdigest()[:16] == "43ab60c3c1ffd2e4"


@pytest.mark.parametrize("shape", [(1, 1), (17, 511), (160, 160), (641, 640), (5000, 100, 3)])
def test_any_size_becomes_the_network_s(shape: tuple[int, ...]) -> None:
    pixels = np.full(shape, 77, np.uint8)
    result = fit(pixels, 96, 160)
    assert result.shape == (96, 160, *shape[2:])
    assert (result == 77).all()


def test_fine_stripes_average_out_instead_of_aliasing() -> None:
    stripes = np.tile(np.array([0, 255], np.uint8), (1024, 512))
    assert np.ptp(fit(stripes, 128, 128).astype(int)) <= 2


def test_quantising_is_the_value_minus_128() -> None:
    ramp = np.tile(np.arange(256, dtype=np.uint8), (256, 1))
    batch = network_input(ramp, 256, 256, "gray")
    assert batch.shape == (1, 256, 256, 1) and batch.dtype == np.int8
    assert np.abs(batch[0, :, :, 0].astype(int) - (ramp.astype(int) - 128)).max() <= 1


def test_colour_order_is_rgb_for_the_network() -> None:
    blue = np.zeros((40, 40, 3), np.uint8)
    blue[..., 0] = 255
    batch = network_input(blue, 20, 20, "rgb")
    assert (batch[0, 0, 0] == np.array([-128, -128, 127])).all()


def test_gray_picture_has_three_equal_channels_for_an_rgb_network() -> None:
    gray = np.random.default_rng(0).integers(0, 256, (50, 60), dtype=np.uint8)
    batch = network_input(gray, 32, 32, "rgb")
    assert (batch[..., 0] == batch[..., 1]).all() and (batch[..., 1] == batch[..., 2]).all()
