"""Reading the register of SMEs: records a second of a core against a bare iterparse, and memory against size.

The yardstick is the standard library's `ElementTree.iterparse` over the same bytes, unpacked beforehand, clearing
each document and looking at nothing; lxml's, told to see documents alone, is what no reader on top of it can pass.
Ours unpacks, checks, filters and hands over what is kept. Rates are of processor time, of all processes; the rounds
alternate and their median counts: what else runs on the machine slows all of them, by half and more.

The larger archive is also loaded as people do it, by `ckr registry load` beside the embedded server.
"""

import argparse
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import date
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import psutil
from lxml import etree

sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))

from registry.generator import write_sme

from benchmarks.marks import Mark
from ckr_es.registry.archive import Source
from ckr_es.registry.reading import Keep, MemberRead, read
from ckr_es.store.database import Database
from ckr_es.store.schema import migrate
from ckr_es.store.settings import Settings

AS_OF, TODAY = date(2021, 3, 10), date(2021, 4, 1)
KEEP = Keep(frozenset(), "24")
RATIO, RECORDS_PER_CORE, MEMORY_MB = 0.5, 50_000, 300


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--records", type=int, default=200_000, help="in the smaller archive")
    parser.add_argument("--rounds", type=int, default=5)


def run(given: argparse.Namespace) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as folder:
        small, large = (
            Source.open(
                write_sme(Path(folder, f"{records}.zip"), records, members=records // 5_000 or 2, as_of=AS_OF)
            )
            for records in (given.records, given.records * 4)
        )
        rounds = [
            (
                given.records / _bare(small, folder, _standard),
                given.records / _bare(small, folder, _lxml),
                _ours(small, 1)[0],
            )
            for _ in range(given.rounds)
        ]
        bare, by_lxml, ours = (statistics.median(rates) for rates in zip(*rounds, strict=True))
        with _watched() as peak:
            _ours(small, 2)
        with _watched() as large_peak:
            _, by_the_clock = _ours(large, 2)
        load_s, load_peak, load_whole = _load(large.path)
    return {
        "records": given.records,
        "bytes_a_record": small.unpacked // given.records,
        "bare_records_per_s_of_a_core": bare,
        "bare_lxml_records_per_s_of_a_core": by_lxml,
        "ours_records_per_s_of_a_core": ours,
        "ours_slowest_round": min(rates[2] for rates in rounds),
        "ratio_to_bare": ours / bare,
        "ratio_to_bare_lxml": ours / by_lxml,
        "large_unpacked_mb": large.unpacked / 2**20,
        "large_records_per_s_two_processes": by_the_clock,
        "peak_mb": peak[0],
        "large_peak_mb": large_peak[0],
        "load_s": load_s,
        "load_peak_mb": load_peak,
        "load_and_server_peak_mb": load_whole,
        "parent_max_rss_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    }


def marks(found: dict[str, Any]) -> list[Mark]:
    peaks = ("large_peak_mb", "load_peak_mb", "load_and_server_peak_mb")
    return [
        Mark("ratio to a bare iterparse", found["ratio_to_bare"], RATIO),
        Mark("records/s of a core", found["ours_records_per_s_of_a_core"], RECORDS_PER_CORE),
        *(Mark(peak, found[peak], MEMORY_MB, at_most=True) for peak in peaks),
    ]


def _standard(file: Path) -> None:
    for _, element in ET.iterparse(file):  # noqa: S314 (our own file)
        if element.tag == "Документ":
            element.clear()


def _lxml(file: Path) -> None:
    for _, element in etree.iterparse(str(file), tag="Документ", collect_ids=False):
        element.clear()
        root = element.getparent()
        while root[0] is not element:
            del root[0]


def _bare(archive: Source, folder: str, parse: Callable[[Path], None]) -> float:
    """Seconds of the processor, without those of unpacking."""
    taken = 0.0
    with zipfile.ZipFile(archive.path) as packed:
        for name in packed.namelist():
            unpacked = Path(packed.extract(name, folder))
            began = time.process_time()
            parse(unpacked)
            taken += time.process_time() - began
            unpacked.unlink()
    return taken


def _ours(source: Source, processes: int) -> tuple[float, float]:
    """Records a second of the processor, and by the clock, between the ends of the first member and the last one.

    Starting children is no part of either.
    """
    members = records = 0
    began = ended = _spent()
    for item in read(source, "sme", KEEP, TODAY, processes=processes):
        if isinstance(item, MemberRead):
            members += 1
            if members == 1:
                began = _spent()
                continue
            records += item.records
            if members == len(source.members):
                ended = _spent()
    assert records
    return records / (ended[0] - began[0]), records / (ended[1] - began[1])


def _load(archive: Path) -> tuple[float, float, float]:
    """Seconds of the whole command; the peak of it and its children (MB, shared pages counted for each of them).

    Last, the peak together with the server (MB, shared pages counted once).
    """
    with tempfile.TemporaryDirectory(prefix="ckr-es-") as folder:
        Path(folder).chmod(0o711)  # root runs the server as another user
        home = Path(folder, "data")
        with Database.open(Settings(data_dir=home)) as database:
            migrate(database.admin_conninfo())
            server = psutil.Process(
                int((home / "postgres" / "pgdata" / "postmaster.pid").read_text().split("\n", 1)[0])
            )
            began, peak, whole = time.perf_counter(), 0.0, 0.0
            with subprocess.Popen(  # noqa: S603 (ourselves)
                [sys.executable, "-m", "ckr_es.cli", "registry", "load", str(archive), "--processes", "2"],
                env={**os.environ, "CKR_DATA_DIR": str(home)},
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            ) as command:
                loader = psutil.Process(command.pid)
                while command.poll() is None:
                    peak = max(peak, _memory("rss", loader))
                    whole = max(whole, _memory("pss", loader, server))
                    time.sleep(0.1)
            assert command.returncode == 0, command.returncode
            return time.perf_counter() - began, peak, whole


def _memory(kind: str, *processes: psutil.Process) -> float:
    """MB of these processes and all their children."""
    total = 0
    for process in processes:
        with suppress(psutil.NoSuchProcess):
            for one in (process, *process.children(recursive=True)):
                with suppress(psutil.NoSuchProcess):
                    total += getattr(one.memory_full_info() if kind == "pss" else one.memory_info(), kind)
    return total / 2**20


def _spent() -> tuple[float, float]:
    """Seconds of the processor that this process and its children have taken, and the clock."""
    me = psutil.Process()
    times = [process.cpu_times() for process in (me, *me.children())]
    return sum(t.user + t.system for t in times), time.perf_counter()


@contextmanager
def _watched() -> Iterator[list[float]]:
    """The greatest memory of this process and its children together, in MB."""
    peak, done = [0.0], threading.Event()

    def watch() -> None:
        while not done.wait(0.05):
            peak[0] = max(peak[0], _memory("rss", psutil.Process()))

    watching = threading.Thread(target=watch)
    watching.start()
    try:
        yield peak
    finally:
        done.set()
        watching.join()
