"""A server that speaks DaData's format over a real socket, and misbehaves on request."""

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Reply = tuple[int, bytes] | tuple[int, bytes, dict[str, str]]  # status, body, further headers
PATH = "/suggestions/api/4_1/rs/findById/party"


class DaDataServer:
    """`replies` are given one a call, the last one for ever; `asked` keeps what came: headers and body.

    `pause` is the seconds before a reply, `drip` those after each byte of its body.
    """

    def __init__(self, address: str) -> None:
        self.url = f"{address}{PATH}"
        self.replies: list[Reply] = []
        self.asked: list[tuple[dict[str, str], Any]] = []
        self.pause = 0.0
        self.drip = 0.0

    def answers(self, *replies: Reply) -> None:
        self.replies, self.asked = list(replies), []
        self.pause = self.drip = 0.0


def suggestions(*parties: dict[str, Any]) -> tuple[int, bytes]:
    body = {"suggestions": [{"value": "-", "unrestricted_value": "-", "data": party} for party in parties]}
    return 200, json.dumps(body).encode()


def party(inn: str, **other: Any) -> dict[str, Any]:
    """As the free tariff tells it."""
    legal = len(inn) == 10
    return {
        "inn": inn,
        "kpp": "246001001" if legal else None,
        "ogrn": "1022402652469" if legal else "321246800001239",
        "type": "LEGAL" if legal else "INDIVIDUAL",
        "name": {"short_with_opf": "ООО «МЁД»" if legal else "ИП Приметный Иван", "full_with_opf": "-"},
        "state": {"status": "ACTIVE", "code": None, "actuality_date": 1614556800000},
        "address": {"value": "-", "data": {"region_kladr_id": "2400000000000"}},
        "okved": "10.39",
        "okved_type": "2014",
        "okveds": None,
        "employee_count": None,
        "documents": None,
        **other,
    }


@contextmanager
def serving() -> Iterator[DaDataServer]:
    class Speaks(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            length = int(self.headers["Content-Length"])
            said = json.loads(self.rfile.read(length))
            spoken.asked.append((dict(self.headers), said))
            time.sleep(spoken.pause)
            reply = spoken.replies.pop(0) if len(spoken.replies) > 1 else spoken.replies[0]
            status, body, further = reply if len(reply) == 3 else (*reply, {})
            try:
                self.send_response(status)
                named = {"Content-Type": "application/json", "Content-Length": str(len(body)), **further}
                for name, value in named.items():
                    self.send_header(name, value)
                self.end_headers()
                for byte in body if spoken.drip else b"":
                    self.wfile.write(bytes([byte]))
                    time.sleep(spoken.drip)
                if not spoken.drip:
                    self.wfile.write(body)
            except OSError:
                pass  # the client has left, as it should

        def log_message(self, format: str, *args: object) -> None:
            """Silent."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Speaks)
    spoken = DaDataServer(f"http://127.0.0.1:{server.server_port}")
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield spoken
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
