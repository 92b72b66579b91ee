"""The firmware in C under the sanitizers for memory and undefined behaviour, fed with anything."""

import subprocess
from pathlib import Path

import pytest
from controllers import skip_or_fail

from firmware_bridge.compiled_firmware import FOLDER, SOURCES, find_compiler

HARNESS = Path(__file__).with_name("firmware_soup.c")
FLAGS = ("-std=c11", "-O1", "-g", "-Wall", "-fsanitize=address,undefined", "-fno-sanitize-recover=all")


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    compiler = find_compiler()
    if compiler is None:
        skip_or_fail("there is no C compiler: apt-get install gcc")
    built = tmp_path_factory.mktemp("soup") / "firmware_soup"
    sources = [str(FOLDER / name) for name in SOURCES]
    command = [str(compiler), *FLAGS, f"-I{FOLDER}", "-o", str(built), str(HARNESS), *sources]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode and "sanitize" in done.stderr:
        skip_or_fail(f"the compiler has no sanitizers: {done.stderr}")
    assert done.returncode == 0, done.stderr
    return built


@pytest.mark.parametrize("seed", range(3))
def test_no_soup_makes_the_firmware_do_what_c_does_not_define(program: Path, seed: int) -> None:
    done = subprocess.run([program, str(seed), "30000"], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) > 10_000  # it answered
