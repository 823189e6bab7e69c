"""An auditor comes with a number on a paper: what it is, whose it is, the firm's whole history, and what proves it."""

import hashlib
import json
from io import BytesIO

from api.centre import Client, accept, cluster, file_all, firm_inn, ogrnip, person_inn, plain_case, problem
from pypdf import PdfReader


def text_of(client: Client, path: str, **query: object) -> str:
    answer = client.get(path, **query)
    assert answer.status_code == 200, answer.text
    return "\n".join(page.extract_text() for page in PdfReader(BytesIO(answer.content)).pages)


def test_from_a_number_to_the_whole_history(
    operator: Client, auditor: Client, manager: Client, admin: Client
) -> None:
    # A firm and an entrepreneur of one cluster, each with a service; the firm's act was entered with a wrong date.
    cluster(operator, "organic")
    people = {}
    for kind, inn, name in (
        ("legal_entity", firm_inn(77), "ООО «Сибирский топинамбур»"),
        ("entrepreneur", person_inn(77), "Облепихина Прасковья Ниловна"),
    ):
        more = {"ogrn": ogrnip(77)} if kind == "entrepreneur" else {}
        who = operator.done(
            "/participants", kind=kind, inn=inn, name=name, registered_on="2020-03-01", **more
        )["id"]
        operator.done(f"/participants/{who}/memberships", cluster="organic", joined_on="2020-03-01")
        file_all(operator, who)
        people[kind] = who
    firm, person = people["legal_entity"], people["entrepreneur"]
    case = plain_case(operator, firm, "organic", source="crm", external_id="CRM-000451")
    operator.done(f"/cases/{case}/agreement", number="ЦКР-12/П", signed_on="2021-03-12")
    act = accept(operator, case, on="2021-03-20", act_number="АКТ-451")
    operator.done(
        f"/cases/{case}/corrections",
        event_id=act["events"][0]["event_id"],
        reason="Дата акта из черновика",
        replacement={"accepted_on": "2021-03-22"},
    )
    accept(operator, plain_case(operator, person, "organic"), act_number="АКТ-452")

    # The number, as it stands on the paper and as people remember it, leads to the case and from it to the firm.
    for q in ("АКТ-451", "акт 451", "AKT-451", "договор ЦКР-12/П", "crm-0004"):
        hits = auditor.read("/search", q=q)["items"]
        assert [(hit["kind"], hit["id"]) for hit in hits[:1]] == [("case", case)], q
        assert hits[0]["participant_id"] == firm
    # The firm by its name with a slip of the finger, by a form of the word, by the beginning of its INN.
    for q in ("тапинамбур", "сибирские топинамбуры", firm_inn(77)[:8]):
        assert firm in [hit["id"] for hit in auditor.read("/search", q=q)["items"]], q

    # What the firm itself is given, and what the auditor is given.
    own = text_of(operator, f"/participants/{firm}/extract.pdf", as_of="2021-12-31")
    assert "АКТ-451" in own
    assert "22.03.2021" in own
    assert [
        inside for inside in ("20.03.2021", "Дата акта из черновика", operator.actor) if inside in own
    ] == []
    whole = text_of(auditor, f"/participants/{firm}/extract.pdf", as_of="2021-12-31", for_="audit")
    assert [
        told
        for told in ("Дата акта", "черновика", operator.actor, act["events"][0]["leaf"][:16])
        if told not in whole
    ] == []
    canonical = auditor.get(f"/participants/{firm}/extract.json", as_of="2021-12-31", for_="audit").content
    said = json.loads(canonical)
    assert hashlib.sha256(canonical[:-77] + b"}").hexdigest() == said["digest"]
    # Every record of it is in the ledger under the leaf that is printed.
    for line in said["history"]:
        record = line["recorded"]
        proof = auditor.read("/ledger/inclusion", position=record["position"], size=said["known_position"])
        assert proof["leaf"] == record["leaf"]

    # The entrepreneur is named on paper until the identity is erased; then nowhere, and is not to be found.
    assert "Облепихина" in text_of(operator, f"/participants/{person}/extract.pdf", as_of="2021-12-31")
    assert auditor.read("/search", q="облепихина")["items"] == []
    assert [h["id"] for h in auditor.post("/search", key=None, q="облепихиной").json()["items"]] == [person]
    order = {"act_number": "1-ПД", "act_date": "2022-01-10", "basis": "Отзыв согласия"}
    assert admin.post(f"/participants/{person}/erasure", **order).status_code == 202
    manager.done(f"/participants/{person}/erasure", **order)
    assert auditor.post("/search", key=None, q="облепихиной").json()["items"] == []
    for audience in ("firm", "audit"):
        paper = text_of(auditor, f"/participants/{person}/extract.pdf", as_of="2022-12-31", for_=audience)
        assert "удалено" in paper
        assert "Облепихина" not in paper
        assert "АКТ-452" in paper
    problem(auditor.get("/search", q=" "), 422, "required")
