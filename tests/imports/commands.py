"""Files of commands for the tests: firms with all that a plain service asks for, and what surrounds them."""

import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from api.centre import firm_inn

Line = dict[str, Any]


def line(path: str, key: str | None = None, /, **body: Any) -> Line:
    return {"path": path, "body": body, **({} if key is None else {"key": key})}


def cluster(code: str = "organic") -> list[Line]:
    agreement = {"number": "1", "date": "2020-01-15"}
    return [
        line("/clusters", f"{code}-0", code=code, title=code, production=True, proposed_on="2019-01-10"),
        line(f"/clusters/{code}/formation", f"{code}-1", formed_on="2020-01-15", agreement=agreement),
    ]


def firm(n: int, code: str = "organic") -> list[Line]:
    """A firm from its registration to a service accepted and jobs reported: nine commands."""
    inn = firm_inn(n)
    who = f"/participants/inn:{inn}"
    found = {
        "source": "manual",
        "as_of": "2021-03-05",
        "result": "found",
        "category": "micro",
        "included_on": "2018-08-10",
        "region_code": "24",
        "okved_main": "10.39",
        "okved_additional": [],
        "status": "active",
    }
    opened = {
        "participant_id": {"inn": inn},
        "cluster": code,
        "complex": False,
        "applied_on": "2021-03-10",
        "service": "SVC.е",
        "source": "crm",
        "external_id": str(n),
    }
    report = {"quarter": "2021-Q1", "headcount": 5, "jobs_created": 1, "evidence": "справка"}
    return [
        line(
            "/participants",
            f"p{n}",
            kind="legal_entity",
            inn=inn,
            name=f"Фирма {n}",
            registered_on="2020-03-01",
        ),
        line(f"{who}/memberships", f"m{n}", cluster=code, joined_on="2020-03-01"),
        line(f"{who}/registry-checks", f"r{n}", **found),
        line(f"{who}/evidence", f"e{n}", kind="tax_certificate", as_of="2021-03-01", debt_kopecks=0),
        line(f"{who}/evidence", f"d{n}", kind="declaration", covers=["E5", "E6", "E7"], as_of="2021-03-05"),
        line("/cases", f"o{n}", **opened),
        line(f"/cases/crm:{n}/eligibility-decision", f"x{n}", decision="eligible", decided_on="2021-03-11"),
        line(
            f"/cases/crm:{n}/acceptances",
            f"a{n}",
            component_no=1,
            act_number="1",
            accepted_on="2021-04-20",
            quantity=1,
            unit="шт",
        ),
        line(f"{who}/jobs-reports", f"j{n}", **report),
    ]


def firms(count: int) -> Iterator[Line]:
    yield from cluster()
    for n in range(count):
        yield from firm(n)


def written(path: Path, lines: Iterable[Line | str | bytes]) -> Path:
    """A file of lines, those of text and bytes as they are."""
    with path.open("wb") as out:
        for each in lines:
            if isinstance(each, bytes):
                out.write(each + b"\n")
            else:
                out.write(
                    f"{each if isinstance(each, str) else json.dumps(each, ensure_ascii=False)}\n".encode()
                )
    return path
