"""The applications of `http`, each served by uvicorn as `ckr serve` serves ours."""

import os
import socket
import sys
from pathlib import Path
from typing import Any
from uuid import UUID

import uvicorn
from eventsourcing.application import AggregateNotFoundError, Application
from eventsourcing.domain import Aggregate, event
from litestar import Litestar, Response, post
from msgspec import Struct
from uvicorn.supervisors import Multiprocess

from benchmarks.writers import stock_environment
from ckr_es.aggregates.participant import JobsReported
from ckr_es.api.app import create_app
from ckr_es.store.settings import Settings

POOL = 16  # connections and threads, ours and the stock library's alike
WORKERS = {"ours_two_workers": 2}


class Receipt(Struct):
    id: UUID
    version: int
    position: int


class Participant(Aggregate):
    """A participant as the library's users write it, with the one command that is measured."""

    def __init__(self, name: str, id: UUID) -> None:
        self.name = name
        self.jobs: dict[str, tuple[int, int, str]] = {}

    @staticmethod
    def create_id(id: UUID) -> UUID:
        return id

    @event("JobsReported")
    def report_jobs(self, quarter: str, headcount: int, jobs_created: int, evidence: str) -> None:
        self.jobs[quarter] = (headcount, jobs_created, evidence)


class Participants(Application[UUID]):
    name = "stock"


@post("/api/v1/participants/{id:uuid}/jobs-reports", status_code=200)
async def trivial(id: UUID, data: JobsReported) -> Receipt:
    """Reads the body and answers."""
    return Receipt(id=id, version=data.headcount, position=data.jobs_created)


def stock(host: str, user: str) -> Litestar:
    """Loads the aggregate, decides, saves: no keys, no roles, no checks of the body beyond its types."""
    application = Participants(stock_environment(host, "stock", user, POOL))

    @post("/api/v1/participants/{id:uuid}/jobs-reports", status_code=200, sync_to_thread=True)
    def report_jobs(id: UUID, data: JobsReported) -> Response[Any]:
        try:
            participant: Participant = application.repository.get(id)
        except AggregateNotFoundError:
            return Response({"detail": "not found"}, status_code=404)
        told = (data.headcount, data.jobs_created, data.evidence)
        position = 0
        if participant.jobs.get(data.quarter) != told:
            participant.report_jobs(data.quarter, *told)
            position = application.save(participant)[-1].notification.id
        return Response(Receipt(id=id, version=participant.version, position=position))

    return Litestar([report_jobs], openapi_config=None, logging_config=None)


def app(name: str, host: str, user: str) -> Litestar:
    match name:
        case "trivial":
            return Litestar([trivial], openapi_config=None, logging_config=None)
        case "stock":
            return stock(host, user)
        case _:
            url = f"host={host} port=5432 user={user} dbname={name}"
            return create_app(Settings(data_dir=Path("/nonexistent"), database_url=url, pool_size=POOL))


def worker() -> Litestar:
    """The application that this command line names, in a process of several."""
    name, host, user = os.environ["CKR_BENCHMARK"].split("\n")
    return app(name, host, user)


def main() -> None:
    name, port, host, user = sys.argv[1:]
    workers = WORKERS.get(name, 1)
    os.environ["CKR_BENCHMARK"] = "\n".join((name, host, user))
    config = uvicorn.Config(
        "benchmarks.serving:worker",
        factory=True,
        workers=workers,
        lifespan="on",
        access_log=False,
        log_config=None,
        server_header=False,
    )
    with socket.create_server(("127.0.0.1", int(port)), backlog=2048) as listening:
        if workers == 1:
            uvicorn.Server(config).run(sockets=[listening])
        else:
            Multiprocess(config, sockets=[listening]).run()


if __name__ == "__main__":
    main()
