"""Two processes answer for one log: a key has one effect whichever of them it reaches, and positions have no gaps."""

import json
import tempfile
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from http.client import HTTPConnection
from pathlib import Path
from threading import Barrier

import psutil
import pytest
from test_faults import Load, assert_exact, free_port, operator_key, recorded, serving

EACH = 8  # connections to each of the two


@pytest.fixture
def home() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="ckr-es-") as folder:
        Path(folder).chmod(0o711)
        yield Path(folder, "data")


def connected(stack: ExitStack, process: int, port: int) -> list[HTTPConnection]:
    """As many connections to each worker: while the others are held, it is the one that takes them."""
    workers = [p for p in psutil.Process(process).children() if "--multiprocessing-fork" in p.cmdline()]
    assert len(workers) == 2
    found = []
    for held in workers:
        held.suspend()
        try:
            for _ in range(EACH):
                connection = stack.enter_context(closing(HTTPConnection("127.0.0.1", port, timeout=20)))
                connection.request("GET", "/health/live")
                assert connection.getresponse().read()
                found.append(connection)
        finally:
            held.resume()
    return found


def test_a_key_sent_to_both_at_once_has_one_effect_and_one_answer(home: Path) -> None:
    port, rounds = free_port(), 20
    with serving(home, port, workers=2) as process, ExitStack() as stack:
        headers = {"Authorization": f"Bearer {operator_key(home)}", "Content-Type": "application/json"}
        connections = connected(stack, process.pid, port)
        begin = Barrier(2 * EACH)

        def ask(connection: HTTPConnection) -> list[tuple[int, bytes, bool]]:
            answers = []
            for n in range(rounds):
                body = {"code": f"c{n}", "title": "x", "production": False, "proposed_on": "2021-01-10"}
                begin.wait(20)
                connection.request(
                    "POST", "/api/v1/clusters", json.dumps(body), {**headers, "Idempotency-Key": f"k{n}"}
                )
                answer = connection.getresponse()
                answers.append((answer.status, answer.read(), "idempotent-replayed" in answer.headers))
            return answers

        with ThreadPoolExecutor(2 * EACH) as threads:
            heard = list(threads.map(ask, connections))
    for answers in zip(*heard, strict=True):
        assert {status for status, _, _ in answers} == {201}
        assert len({body for _, body, _ in answers}) == 1
        assert Counter(replayed for _, _, replayed in answers) == {False: 1, True: 2 * EACH - 1}
    log = recorded(home)
    assert [position for position, _ in log] == list(range(1, rounds + 1))
    assert sorted(code for _, code in log) == sorted(f"c{n}" for n in range(rounds))


def test_what_two_record_at_once_is_one_log_without_gaps(home: Path) -> None:
    port = free_port()
    with serving(home, port, workers=2):
        load = Load(port, operator_key(home))
        with load:
            load.wait_for(300)
        assert set(load.statuses) <= {201, 503}, load.statuses
        load.ask_again()
    assert_exact(load, home)
