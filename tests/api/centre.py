"""How the tests speak to a running server: a client a role, and the few steps every case begins with."""

from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import httpx
import psycopg

from ckr_es.store import keys
from ckr_es.store.database import Database

Body = dict[str, Any]
JANUARY, MARCH, APRIL = "2021-01-01", "2021-03-01", "2021-04-20"
CHECKED = "2021-03-05"  # the registry check and the declaration that a case of March rests on
DOCUMENT: Body = {"title": "Приказ", "number": "12-П", "date": "2021-01-11"}


class Client:
    """One key; commands get a fresh Idempotency-Key unless they bring one (None: none at all)."""

    def __init__(self, base: str, key: str | None) -> None:
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        self.key = key
        self.base = base
        self.http = httpx.Client(base_url=base, headers=headers, timeout=30, trust_env=False)

    @property
    def actor(self) -> str:
        assert self.key is not None
        return self.key.split("_")[1]

    def get(self, path: str, **query: Any) -> httpx.Response:
        given = {name.rstrip("_"): value for name, value in query.items() if value is not None}
        return self.http.get(_whole(path), params=given)

    def send(
        self, method: str, path: str, body: object, key: str | None, headers: Any = None
    ) -> httpx.Response:
        said = {**({} if key is None else {"Idempotency-Key": key}), **(headers or {})}
        if isinstance(body, bytes):
            said = {"Content-Type": "application/json", **said}
            return self.http.request(method, _whole(path), content=body, headers=said)
        return self.http.request(method, _whole(path), json=body, headers=said)

    def post(
        self, path: str, /, *, key: str | None = "", headers: dict[str, str] | None = None, **body: Any
    ) -> httpx.Response:
        return self.send("POST", path, body, uuid4().hex if key == "" else key, headers)

    def put(
        self, path: str, /, *, key: str | None = "", headers: dict[str, str] | None = None, **body: Any
    ) -> httpx.Response:
        return self.send("PUT", path, body, uuid4().hex if key == "" else key, headers)

    def done(self, path: str, /, **body: Any) -> Body:
        """The receipt of a command that must succeed."""
        answer = self.post(path, **body)
        assert answer.status_code in (200, 201), f"POST {path} {body}: {answer.status_code} {answer.text}"
        return receipt(answer)

    def read(self, path: str, /, **query: Any) -> Body:
        """The answer to a question that must succeed."""
        answer = self.get(path, **query)
        assert answer.status_code == 200, f"GET {path} {query}: {answer.status_code} {answer.text}"
        found: Body = answer.json()
        return found

    def walk(self, path: str, /, **query: Any) -> Iterator[list[Body]]:
        """The pages of a list, to its end."""
        cursor: str | None = None
        while True:
            page = self.read(path, cursor=cursor, **query)
            yield page["items"]
            if (cursor := page["next_cursor"]) is None:
                return

    def figures(self, **query: Any) -> dict[str, Any]:
        return {row["kpi"]: row["actual"] for row in self.read("/kpi", **query)["rows"]}


class Centre:
    """A server over one database, with a client for each role."""

    def __init__(self, base: str, database: Database) -> None:
        self.base = base
        self.database = database
        self.made: list[Client] = []
        self.operator, self.manager, self.deputy, self.auditor, self.analyst, self.admin = (
            self.client(role) for role in ("operator", "manager", "manager", "auditor", "analyst", "admin")
        )
        self.nobody = Client(base, None)
        self.made.append(self.nobody)

    def client(self, role: str, cluster: str | None = None) -> Client:
        with migrator(self.database) as conn:
            key = keys.create(conn, role=role, name=f"проверка: {role}", cluster=cluster)
        self.made.append(Client(self.base, key))
        return self.made[-1]

    def rows(self, query: str, *params: object) -> list[tuple[Any, ...]]:
        with psycopg.connect(self.database.admin_conninfo(), autocommit=True) as conn:
            return conn.execute(query.encode(), params).fetchall()

    def head(self) -> int:
        """The last position of the log."""
        return int(self.rows("select coalesce(max(position), 0) from ckr.event")[0][0])

    def kept(self) -> tuple[int, int, int]:
        """How many events, command keys and identities there are."""
        tables = ("ckr.event", "ckr.command", "ckr.identity")
        counted = [int(self.rows(f"select count(*) from {table}")[0][0]) for table in tables]
        return counted[0], counted[1], counted[2]

    def close(self) -> None:
        for client in self.made:
            client.http.close()


def migrator(database: Database) -> psycopg.Connection[Any]:
    conn = psycopg.connect(database.admin_conninfo(), autocommit=True)
    conn.execute("set role ckr_migrator")
    return conn


def receipt(answer: httpx.Response) -> Body:
    """The receipt, after a look at what every receipt promises."""
    body: Body = answer.json()
    assert set(body) >= {"id", "version", "position", "recorded_at"}
    assert answer.headers["etag"] == f'"{body["version"]}"'
    body.setdefault("events", [])
    for event in body["events"]:
        assert set(event) == {"event_id", "type", "position", "leaf"}
        assert len(event["leaf"]) == 64
    return body


def problem(answer: httpx.Response, status: int, code: str) -> Body:
    """The problem, after a look at what RFC 9457 and the contract promise."""
    assert answer.status_code == status, f"{answer.status_code} {answer.text[:600]}"
    assert answer.headers["content-type"].split(";")[0] == "application/problem+json"
    body: Body = answer.json()
    assert body["code"] == code, body
    assert body["type"] == f"/problems/{code}"
    assert body["status"] == status
    assert body["title"]
    assert body["detail"]
    assert isinstance(body["errors"], list)
    if status == 503:
        assert answer.headers["retry-after"].isdigit()
    return body


def pointers(body: Body) -> set[tuple[str, str]]:
    return {(error["pointer"], error["code"]) for error in body["errors"]}


def _control(digits: str, weights: tuple[int, ...]) -> str:
    return str(sum(int(d) * w for d, w in zip(digits, weights, strict=True)) % 11 % 10)


def firm_inn(n: int) -> str:
    """The INN of the n-th invented legal entity, check digit right."""
    head = f"24{n:07}"
    return head + _control(head, (2, 4, 10, 3, 5, 9, 4, 6, 8))


def person_inn(n: int) -> str:
    """The INN of the n-th invented natural person, check digits right."""
    head = f"24{n:08}"
    head += _control(head, (7, 2, 4, 10, 3, 5, 9, 4, 6, 8))
    return head + _control(head, (3, 7, 2, 4, 10, 3, 5, 9, 4, 6, 8))


def ogrn(n: int) -> str:
    head = f"12024{n:07}"
    return head + str(int(head) % 11 % 10)


def ogrnip(n: int) -> str:
    head = f"32024{n:09}"
    return head + str(int(head) % 13 % 10)


def cluster(operator: Client, code: str, formed_on: str = "2020-02-01", *, production: bool = False) -> str:
    operator.done(
        "/clusters", code=code, title=f"Кластер {code}", production=production, proposed_on="2019-02-01"
    )
    operator.done(
        f"/clusters/{code}/formation", formed_on=formed_on, agreement={"number": "С-1", "date": formed_on}
    )
    return code


def firm(operator: Client, n: int, *codes: str) -> str:
    """A legal entity, member of these clusters since 2020."""
    made = operator.done(
        "/participants", kind="legal_entity", inn=firm_inn(n), name=f"Фирма {n}", registered_on="2020-03-01"
    )
    for code in codes:
        operator.done(f"/participants/{made['id']}/memberships", cluster=code, joined_on="2020-03-01")
    return str(made["id"])


def found(**other: Any) -> Body:
    """The body of a registry check that passes every condition."""
    return {
        "source": "manual",
        "as_of": CHECKED,
        "result": "found",
        "category": "micro",
        "included_on": "2018-08-10",
        "region_code": "24",
        "okved_main": "10.39",
        "okved_additional": [],
        "status": "active",
        **other,
    }


def file_all(operator: Client, who: str, **other: Any) -> None:
    """All that section 5 asks for, so that a case of March 2021 may be decided."""
    operator.done(f"/participants/{who}/registry-checks", **found(**other))
    operator.done(f"/participants/{who}/evidence", kind="tax_certificate", as_of=MARCH, debt_kopecks=0)
    operator.done(
        f"/participants/{who}/evidence", kind="declaration", covers=["E5", "E6", "E7"], as_of=CHECKED
    )


def ready_firm(operator: Client, n: int, *codes: str) -> str:
    who = firm(operator, n, *codes)
    file_all(operator, who)
    return who


def application(who: str, code: str, **other: Any) -> Body:
    """The body of a plain case of March."""
    return {
        "participant_id": who,
        "cluster": code,
        "complex": False,
        "applied_on": "2021-03-10",
        "service": "SVC.е",
        **other,
    }


def complex_application(who: str, code: str, **other: Any) -> Body:
    return {"participant_id": who, "cluster": code, "complex": True, "applied_on": "2021-03-10", **other}


def plain_case(operator: Client, who: str, code: str, **other: Any) -> str:
    """Open and decided eligible."""
    case = operator.done("/cases", **application(who, code, **other))["id"]
    operator.done(f"/cases/{case}/eligibility-decision", decision="eligible", decided_on="2021-03-11")
    return str(case)


def complex_case(operator: Client, who: str, code: str, *services: str, **other: Any) -> str:
    """Scored, with its components, decided eligible and agreed."""
    case = operator.done("/cases", **complex_application(who, code, **other))["id"]
    operator.done(f"/cases/{case}/scoring", scored_on="2021-03-10", score=80, conclusion="годен")
    for service in services or ("SVC.ж", "SVC.з"):
        operator.done(f"/cases/{case}/components", service=service, cost_kopecks=5_000_000)
    operator.done(f"/cases/{case}/eligibility-decision", decision="eligible", decided_on="2021-03-11")
    operator.done(f"/cases/{case}/agreement", number="Д-7", signed_on="2021-03-12")
    return str(case)


def act(no: int = 1, on: str = "2021-03-20", **other: Any) -> Body:
    return {
        "component_no": no,
        "act_number": f"А-{no}",
        "accepted_on": on,
        "quantity": 1,
        "unit": "услуга",
        **other,
    }


def accept(operator: Client, case: str, no: int = 1, on: str = "2021-03-20", **other: Any) -> Body:
    return operator.done(f"/cases/{case}/acceptances", **act(no, on, **other))


def plan_of_2021() -> Body:
    return {"kpi_set": "2021", "values": {"clusters": 5, "services": 545}, "policy": {}, "document": DOCUMENT}


def _whole(path: str) -> str:
    return path if path.startswith(("/health", "/metrics", "/api")) else f"/api/v1{path}"
