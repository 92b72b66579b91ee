import ast
import random
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import pytest
from brokers import need, same_path

from edge_app.store import Store

STRACE: Final = shutil.which("strace")
CALL: Final = re.compile(r"^\d+ +(\w+)\((.*)\) += (-?\d+|0x[0-9a-f]+)")
SECTOR: Final = 512
CUTS: Final = 150

CHILD: Final = """
import os, sys
from pathlib import Path
from fakes.reports import make_report
from edge_app.store import Evidence, Store
store = Store(Path(sys.argv[1]))
acknowledged = os.open(sys.argv[2], os.O_WRONLY | os.O_CREAT | os.O_APPEND)
for number in range(60):
    report = make_report(number)
    store.put(report, [Evidence("picture", "image/png", bytes([number]) * 120_000)])
    os.write(acknowledged, report.report_id.encode() + b"\\n")
    if number % 7 == 0:
        store.mark_delivered([row.outbox_id for row in store.next_unsent(0, 3)])
os._exit(0)
"""


@dataclass
class Disk:
    """What one file has on the disk for certain, and the writes since then that may or may not be there."""

    safe: bytearray = field(default_factory=bytearray)
    pending: list[tuple[int, bytes] | int] = field(default_factory=list)
    """(offset, data), or the size that the file was cut to."""

    def sync(self) -> None:
        for change in self.pending:
            self._apply(self.safe, change)
        self.pending.clear()

    def after_power_cut(self, chance: random.Random) -> bytes:
        """What is safe and, sector by sector, any part of the rest."""
        content = bytearray(self.safe)
        for change in self.pending:
            if isinstance(change, int):
                if chance.random() < 0.5:
                    self._apply(content, change)
                continue
            offset, data = change
            for start in range(0, len(data), SECTOR):
                if chance.random() < 0.5:
                    self._apply(content, (offset + start, data[start : start + SECTOR]))
        return bytes(content)

    @staticmethod
    def _apply(content: bytearray, change: tuple[int, bytes] | int) -> None:
        if isinstance(change, int):
            del content[change:]
            content.extend(bytes(change - len(content)))
            return
        offset, data = change
        content.extend(bytes(max(0, offset - len(content))))
        content[offset : offset + len(data)] = data


def calls_of(trace: Path) -> list[tuple[str, list[str], int]]:
    """The system calls of a trace: name, arguments as written, result."""
    calls = []
    for line in trace.read_text("ascii").splitlines():
        if match := CALL.match(line):
            name, arguments, result = match.groups()
            calls.append((name, arguments.split(", "), int(result, 0)))
    return calls


def text_of(argument: str) -> bytes:
    assert argument.startswith('"') and argument.endswith('"'), argument[:80]
    return bytes(ast.literal_eval("b" + argument))


def test_what_was_acknowledged_is_there_after_a_power_cut_at_any_moment(tmp_path: Path) -> None:
    """The writes of a real run are replayed up to a moment; of those not yet synced, random sectors got through."""
    path, acknowledged, trace = tmp_path / "store.sqlite3", tmp_path / "acknowledged", tmp_path / "trace"
    command = [need(STRACE, "strace"), "-f", "-qq", "-xx", "-s", "300000", "-o", str(trace)]
    command += ["-e", "trace=openat,close,pwrite64,write,fdatasync,fsync,ftruncate,unlink"]
    done = subprocess.run([*command, sys.executable, "-c", CHILD, path, acknowledged], env=same_path(), timeout=100)
    if not trace.exists() or not (calls := calls_of(trace)):
        pytest.skip("strace may not trace here")
    assert done.returncode == 0
    written = [number for number, (name, arguments, _) in enumerate(calls) if name in ("pwrite64", "fdatasync")]
    chance = random.Random(1)
    cuts = set(chance.sample(written, CUTS))
    names: dict[int, str] = {}
    disks: dict[str, Disk] = {}
    promised: list[str] = []
    unsafe = 0
    for number, (name, arguments, result) in enumerate(calls):
        if number in cuts:
            unsafe += any(disk.pending for disk in disks.values())
            check(tmp_path / f"cut-{number}", disks, promised, chance)
        if result < 0:
            continue
        if name == "openat":
            names[result] = Path(text_of(arguments[1]).decode()).name
        elif name == "close":
            names.pop(int(arguments[0]), None)
        elif name == "unlink":
            assert not text_of(arguments[0]).endswith(b"-wal")
        else:
            file = names.get(int(arguments[0]), "")
            disk = disks.setdefault(file, Disk()) if file in ("store.sqlite3", "store.sqlite3-wal") else None
            if name == "write" and file == "acknowledged":
                promised.append(text_of(arguments[1]).decode().strip())
            elif disk is None:
                continue
            elif name == "pwrite64":
                disk.pending.append((int(arguments[3]), text_of(arguments[1])))
            elif name == "ftruncate":
                disk.pending.append(int(arguments[1]))
            elif name in ("fdatasync", "fsync"):
                disk.sync()
    assert len(promised) == 60
    assert unsafe > CUTS / 3  # the moments hit unsynced writes
    assert len(disks["store.sqlite3"].safe) > 1_000_000  # and there were checkpoints


def check(folder: Path, disks: dict[str, Disk], promised: list[str], chance: random.Random) -> None:
    folder.mkdir()
    for name, disk in disks.items():
        (folder / name).write_bytes(disk.after_power_cut(chance))
    store = Store(folder / "store.sqlite3")
    try:
        assert store.set_aside is None
        for number, report_id in enumerate(promised):
            report = store.read(report_id)
            assert report is not None and report.frame is not None
            assert report.frame.sequence == number
        last = promised[-1:]
        assert all(
            store.read_evidence(report_id)[0].content == bytes([len(promised) - 1]) * 120_000 for report_id in last
        )
    finally:
        store.close()
    shutil.rmtree(folder)
