import importlib.machinery
import importlib.util
import os
import socket
import subprocess
import sys
import time
import types
from pathlib import Path

import pytest

from tools.arm import guest_job

ROOT = Path(__file__).resolve().parents[2]
LISTED = """
\tIndex: 0
\tActive width: 640
\tActive height: 480
\tTotal width: 800
\tIndex: 1
\tActive width: 720
\tActive height: 480
\tPixelclock: 27000000 Hz (59.94 frames per second)
\tIndex: 2
\tActive width: 720
\tActive height: 480
"""


@pytest.fixture(scope="module")
def tool() -> types.ModuleType:
    loader = importlib.machinery.SourceFileLoader("arm_vm_tool", str(ROOT / "tools" / "arm_vm"))
    spec = importlib.util.spec_from_loader("arm_vm_tool", loader)
    assert spec is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["arm_vm_tool"] = module
    loader.exec_module(module)
    return module


def test_what_is_missing_is_named_with_the_way_to_install_it(tmp_path: Path) -> None:
    program = (
        "import runpy, shutil, sys\nshutil.which = lambda *_, **__: None\n"
        f"sys.argv = ['arm_vm', '--folder', {str(tmp_path)!r}]\nrunpy.run_path({str(ROOT / 'tools/arm_vm')!r}, "
        "run_name='__main__')"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60)
    assert done.returncode == 3 and "apt-get install" in done.stderr and "qemu-system-arm" in done.stderr
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("name", ["build_machine", "first_init", "guest_init"])
def test_the_machines_scripts_are_valid(name: str) -> None:
    path = ROOT / "tools" / "arm" / name
    shell = "bash" if name == "build_machine" else "sh"
    assert subprocess.run([shell, "-n", path]).returncode == 0 and os.access(path, os.X_OK)


def test_the_first_timing_of_a_size_is_found_in_what_the_driver_lists() -> None:
    assert guest_job.timing_index(LISTED, "640x480") == 0
    assert guest_job.timing_index(LISTED, "720x480") == 1
    with pytest.raises(AssertionError, match="1920x1080"):
        guest_job.timing_index(LISTED, "1920x1080")


def test_bytes_go_both_ways_between_the_machines_cable_and_the_microcontroller(
    tool: types.ModuleType, tmp_path: Path
) -> None:
    path = tmp_path / "line"
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        listener.listen()
        with tool.Controller(path) as controller:
            line, _ = listener.accept()
            with line:
                line.settimeout(5)
                controller.fake.reset()
                assert line.recv(4096), "it greets when it begins anew"
                line.sendall(b"\x7e\x00\x7e")
                time.sleep(0.05)
