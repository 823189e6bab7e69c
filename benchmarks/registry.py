"""Reading the register of SMEs: records a second of a core against a bare iterparse, and memory against size.

The yardstick is the standard library's `ElementTree.iterparse` over the same bytes, unpacked beforehand, clearing
each document and looking at nothing; ours unpacks, checks, filters and hands over what is kept.
"""

import argparse
import resource
import sys
import tempfile
import threading
import time
import zipfile
from datetime import date
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import psutil

sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))

from registry.generator import write_sme

from ckr_es.registry.archive import Source
from ckr_es.registry.reading import Batch, Keep, MemberRead, read

AS_OF, TODAY = date(2021, 3, 10), date(2021, 4, 1)
KEEP = Keep(frozenset(), "24")
RATIO, RECORDS_PER_CORE, MEMORY_MB = 0.5, 50_000, 300


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--records", type=int, default=200_000, help="in the smaller archive")
    parser.add_argument("--rounds", type=int, default=3)


def run(given: argparse.Namespace) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as folder:
        small, large = (
            write_sme(Path(folder, f"{records}.zip"), records, members=max(2, records // 5_000), as_of=AS_OF)
            for records in (given.records, given.records * 4)
        )
        source = Source.open(small)
        bare = sorted(_bare(small, folder) for _ in range(given.rounds))[given.rounds // 2]
        alone = sorted(_ours(source, 1)[0] for _ in range(given.rounds))[given.rounds // 2]
        wall, peak = _ours(source, 2)
        large_source = Source.open(large)
        large_wall, large_peak = _ours(large_source, 2)
    return {
        "records": given.records,
        "bytes_a_record": source.unpacked // given.records,
        "bare_records_per_s": given.records / bare,
        "ours_records_per_s_one_process": given.records / alone,
        "ratio_to_bare": bare / alone,
        "ours_records_per_s_two_processes": given.records / wall,
        "large_unpacked_mb": large_source.unpacked / 2**20,
        "large_records_per_s_two_processes": 4 * given.records / large_wall,
        "peak_mb": peak,
        "large_peak_mb": large_peak,
        "parent_max_rss_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    }


def missed(found: dict[str, Any]) -> list[str]:
    marks = []
    if found["ratio_to_bare"] < RATIO:
        marks.append(f"ratio to a bare iterparse {found['ratio_to_bare']:.2f}, wanted {RATIO}")
    if found["ours_records_per_s_one_process"] < RECORDS_PER_CORE:
        marks.append(
            f"{found['ours_records_per_s_one_process']:,.0f} records/s of a core, wanted {RECORDS_PER_CORE:,} "
            f"(a bare iterparse does {found['bare_records_per_s']:,.0f} here)"
        )
    if found["large_peak_mb"] > MEMORY_MB:
        marks.append(f"{found['large_peak_mb']:.0f} MB at the larger archive, wanted {MEMORY_MB}")
    return marks


def _bare(archive: Path, folder: str) -> float:
    began = 0.0
    with zipfile.ZipFile(archive) as packed:
        for name in packed.namelist():
            unpacked = Path(packed.extract(name, folder))
            start = time.perf_counter()
            for _, element in ET.iterparse(unpacked):  # noqa: S314 (our own file)
                if element.tag == "Документ":
                    element.clear()
            began += time.perf_counter() - start
            unpacked.unlink()
    return began


def _ours(source: Source, processes: int) -> tuple[float, float]:
    """Seconds from the first record on (starting children is no part of the rate), and the greatest memory in MB."""
    peak, done = 0.0, threading.Event()

    def watch() -> None:
        nonlocal peak
        me = psutil.Process()
        while not done.wait(0.05):
            try:
                family = [me, *me.children(recursive=True)]
                peak = max(peak, sum(p.memory_info().rss for p in family) / 2**20)
            except psutil.NoSuchProcess:
                continue

    watching = threading.Thread(target=watch)
    watching.start()
    began = 0.0
    kept = records = 0
    for item in read(source, "sme", KEEP, TODAY, processes=processes):
        began = began or time.perf_counter()
        match item:
            case Batch():
                kept += len(item.records)
            case MemberRead():
                records += item.records
    seconds = time.perf_counter() - began
    done.set()
    watching.join()
    assert kept
    assert records
    return seconds, peak
