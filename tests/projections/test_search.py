"""Search finds what people mean: stems, typos, look-alike letters, numbers however written; of its day and position."""

import json
from datetime import date
from uuid import UUID

import psycopg
import pytest
from projections.conftest import project, reader, record
from projections.histories import START, World
from projections.test_directory import person, registered

from ckr_es.aggregates import cluster, participant, provider, service_case
from ckr_es.projections import directory_tables, funding_tables
from ckr_es.projections import search as searching
from ckr_es.projections.search import search
from ckr_es.store.recorder import Recorder

NAMES = (
    "ООО «Красноярский завод станков»",
    "АО «Топинамбур»",
    "ООО «Ёлка и пихта»",
    "ООО «Сибирские ягоды»",
    "Ассоциация AURORA",
)
PROVIDER = "ООО «Экспертный центр маркировки»"
LATER = date(2021, 6, 1)


@pytest.fixture(scope="module")
def told(databases):
    """Five firms, a person, a cluster, two cases of the second firm and two providers, in a log of its own."""
    w = World()
    for n, name in enumerate(NAMES, 1):
        who, event = registered(name, n)
        w.happen("participant", who, event, who)
    w.propose(0, True, START)
    w.happen(
        "cluster", w.id("cluster", 0), cluster.Retitled(title="Органические продукты", retitled_on=START)
    )
    w.form(0, START)
    owner = UUID(int=2)
    w.happen("participant", owner, participant.JoinedCluster(cluster="organic", joined_on=START), owner)
    for n, external in enumerate(("CRM-2021/0042", None), 1):
        opened = service_case.Opened(
            participant_id=owner, cluster="organic", complex=False, applied_on=date(2021, 2, n),
            source="crm" if external else None, external_id=external,
        )  # fmt: skip
        case = w.id("case", n)
        w.happen("case", case, opened, owner)
        component = service_case.ComponentAdded(
            component_no=1, service="SVC.е", added_on=date(2021, 2, n), mandatory=True, cost_kopecks=0,
            participant_payment_kopecks=0,
        )  # fmt: skip
        w.happen("case", case, component, owner)
        decided = service_case.EligibilityDecided(
            decision="eligible", decided_on=date(2021, 3, 1), rule_set="1", checks=()
        )
        w.happen("case", case, decided, owner)
        signed = service_case.AgreementSigned(number=f"Д-7{n}", signed_on=date(2021, 3, 2))
        w.happen("case", case, signed, owner)
        w.accept(n, 1, LATER)
    for n, of in enumerate(({"inn": "2466007777", "name": PROVIDER}, {"participant_id": UUID(int=9)})):
        entered = provider.Registered(registered_on=date(2021, 4, 1), services=("SVC.е",), **of)
        w.happen("provider", w.id("provider", n), entered)
    with databases() as database:
        record(database, w.records)
        with Recorder(database, 2) as recorder:
            person(recorder, 9, "Ёлкина Анна")
        project(database)
        with reader(database) as conn:
            yield conn, len(w.records) + 1


def titles(told, q, day=LATER, **asked):
    conn, head = told
    return [hit.title for hit in search(conn, day, asked.pop("position", head), q, **asked)[0]]


@pytest.mark.parametrize(
    ("q", "found"),
    [
        ("станки", NAMES[0]),  # stems
        ("завод", NAMES[0]),
        ("красноярские станки", NAMES[0]),
        ("ТОПИНАМБУР", NAMES[1]),
        ("топинмабур", NAMES[1]),  # transposed
        ("тапинамбур", NAMES[1]),
        ("топинамбр", NAMES[1]),  # a letter less
        ("топинам", NAMES[1]),  # not finished
        ("елка", NAMES[2]),  # ё is е
        ("ЁЛКИ", NAMES[2]),
        ("сатнков", NAMES[0]),
        ("тoпинaмбyp", NAMES[1]),  # o, a, y, p are Latin
        ("TOПИНАМБУР", NAMES[1]),  # and T
        ("аurоrа", NAMES[4]),  # а, о are Cyrillic
        ("«Сибирские ягоды»", NAMES[3]),
        ('ООО "Сибирские ягоды"', NAMES[3]),
        ("2400000002", NAMES[1]),
        ("ИНН 2400000002", NAMES[1]),
        ("240000000", None),
        ("10224000000", None),
        ("органика", "Органические продукты"),
        ("organic", "Органические продукты"),
    ],
)
def test_what_is_meant_comes_first(told, q, found):
    hits = titles(told, q)
    if found is None:
        assert set(NAMES) <= set(hits)
    else:
        assert hits[0] == found


@pytest.mark.parametrize(
    "q", ["%", "_", "\\", "'", '"', "%%%", "; drop table ckr.event", "!!", "&|!:*()", "-", "№", "🙂"]
)
def test_what_is_typed_is_never_a_pattern_or_a_command(told, q):
    assert [title for title in titles(told, q) if title in NAMES] == []


def test_nothing_like_it_is_nothing(told):
    assert titles(told, "велосипед") == []
    assert titles(told, "9999999999") == []


def test_a_case_is_found_by_its_numbers_from_the_day_they_are_known(told):
    conn, head = told

    def why(q, day=LATER):
        return [
            (h.kind, h.matched.field, h.matched.value, h.matched.how) for h in search(conn, day, head, q)[0]
        ]

    assert why("CRM-2021/0042") == [("case", "external_id", "CRM-2021/0042", "number")]
    assert why("сrm 2021 0042")[0][3] == "number"  # с is Cyrillic, and other signs between
    assert why("crm-2021") == [("case", "external_id", "CRM-2021/0042", "begins")]
    assert why("договор № Д-71") == [("case", "agreement_number", "Д-71", "number")]
    assert [found[2] for found in why("д-7")] == ["Д-71", "Д-72"]
    assert why("1-1") == [("case", "act_number", "1-1", "number")]
    assert why("1-1", date(2021, 5, 31)) == []
    assert why("Д-71", date(2021, 3, 1)) == []
    (case,) = search(conn, LATER, head, "Д-71")[0]
    assert case.title == "Заявка от 01.02.2021: АО «Топинамбур»"
    assert (case.link, case.cluster, case.participant_id) == (
        f"/api/v1/cases/{case.id}",
        "organic",
        UUID(int=2),
    )


def test_persons_are_found_only_by_those_who_may_see_them(told):
    assert "Ёлкина Анна" not in titles(told, "елкина")
    assert titles(told, "елкина", include_persons=True)[0] == "Ёлкина Анна"
    assert titles(told, "Ёлкна", include_persons=True)[0] == "Ёлкина Анна"
    for number in ("246600000001", "3042400000", "304240000000001"):
        assert titles(told, number) == []
        assert titles(told, number, include_persons=True) == ["Ёлкина Анна"]


def test_a_cluster_sees_its_own(told):
    own = {"cluster": "organic"}
    assert titles(told, "топинамбур", **own) == ["АО «Топинамбур»"]
    assert titles(told, "станки", **own) == []
    assert len(titles(told, "д-7", **own)) == 2
    assert titles(told, "д-7", cluster="digital") == []
    assert titles(told, "органика", cluster="digital") == []


def test_a_provider_is_found_from_the_day_it_is_listed(told):
    conn, head = told
    for q, how in (
        ("маркировка", "words"),
        ("маркеровки", "similar"),
        ("2466007777", "number"),
        ("2466-007", "begins"),
    ):
        (hit,) = search(conn, LATER, head, q, kind="provider")[0]
        assert (hit.title, hit.link, hit.matched.how) == (PROVIDER, f"/api/v1/providers/{hit.id}", how)
        assert (hit.participant_id, hit.cluster) == (None, None)
    assert PROVIDER in titles(told, "маркировка")
    assert titles(told, "маркировка", date(2021, 3, 31)) == []
    assert titles(told, "маркировка", position=head - 3) == []
    assert titles(told, "маркировка", cluster="organic") == []
    # A specialist is found as the person that it is, never as a provider.
    for asked in ({}, {"include_persons": True}):
        assert titles(told, "елкина", kind="provider", **asked) == []


def test_what_was_not_known_or_had_not_happened_is_not_found(told):
    assert titles(told, "станки", position=0) == []
    assert titles(told, "органические", position=6) == []  # not retitled yet
    assert titles(told, "станки", START.replace(year=2019)) == []


def test_pages_lose_nothing_and_kinds_are_kept_apart(told):
    conn, head = told
    whole = [hit.id for hit in search(conn, LATER, head, "24000000")[0]]
    assert len(whole) == 5
    pages, after = [], None
    while True:
        hits, after = search(conn, LATER, head, "24000000", after=after, limit=2)
        pages += [hit.id for hit in hits]
        if after is None:
            break
    assert pages == whole
    assert {hit.kind for hit in search(conn, LATER, head, "org", kind="cluster")[0]} == {"cluster"}
    assert titles(told, "2400000002", kind="case") == []


MANY = """
    insert into directory.participant (id, known_from, kind, inn, ogrn, name, registered_on)
    select gen_random_uuid(), 1, 'legal_entity', 2400000000 + n, 1022400000000 + n,
           'ООО «' || md5(n::text) || ' ' || n || '»', '2020-01-01' from generate_series(1, 100000) n;
    insert into directory.participant (id, known_from, kind, registered_on)
    select md5(n::text)::uuid, 1, 'entrepreneur', '2020-01-01' from generate_series(1, 100000) n;
    insert into directory.service_case (id, known_from, participant_id, cluster, complex, services, applied_on,
                                        agreement_number, signed_on, accepted_on, accepted_components, act_numbers)
    select gen_random_uuid(), 1, gen_random_uuid(), 'organic', false, '{SVC.е}', '2021-01-01', 'Д-' || n, '2021-01-02',
           '{2021-02-01}', '{1}', array['А-' || n] from generate_series(1, 100000) n;
    insert into funding.provider (id, known_from, inn, name, registered_on)
    select gen_random_uuid(), 1, 2400000000 + n, 'ООО «' || md5(n::text) || ' ' || n || '»', '2020-01-01'
    from generate_series(1, 100000) n;
    alter table ckr.identity disable trigger all;
    insert into ckr.identity (participant_id, inn, fields, salt, commitment)
    select md5(n::text)::uuid, (246600000000 + n)::text, json_build_object('name', md5(n::text) || ' ' || n),
           sha256(n::text::bytea), sha256(n::text::bytea) from generate_series(1, 100000) n;
    analyze directory.participant, directory.service_case, funding.provider, ckr.identity;
"""
SOUGHT = {"participant_sought", "service_case_sought", "provider_sought", "identity_sought"}


def test_a_hundred_thousand_rows_are_asked_by_their_indexes(databases):
    with databases() as database:
        project(database)
        with psycopg.connect(database.admin_conninfo(), autocommit=True) as admin:
            admin.execute("set search_path = directory, funding")
            for index in SOUGHT - {"identity_sought"}:
                admin.execute(f"drop index {index}".encode())
            admin.execute("set search_path = public")
            admin.execute(MANY.encode())
            for schema, tables in (("directory", directory_tables), ("funding", funding_tables)):
                admin.execute(f"set search_path = {schema}".encode())
                admin.execute(tables.INDEXES.encode())
        with reader(database) as conn:
            conn.execute("set plan_cache_mode = force_generic_plan")
            for q in ("ООО «Топинамбур»", "2400077777", "а-7777"):
                plans = explained(conn, q)
                assert {p["Index Name"] for p in plans if "Index Name" in p} >= SOUGHT, q
                scanned = {p["Relation Name"] for p in plans if p["Node Type"] == "Seq Scan"}
                assert scanned <= {"cluster"}, q
            hits, _ = search(conn, LATER, 1, "А-77777")
            assert [(hit.kind, hit.matched.value) for hit in hits] == [("case", "А-77777")]
            hits, _ = search(conn, LATER, 1, "2400077777")
            assert [(hit.kind, hit.matched.field) for hit in hits] == [
                ("participant", "inn"),
                ("provider", "inn"),
            ]


def explained(conn, q):
    """The nodes of the plan of a search with persons."""
    asked = {
        "q": q, "as_of": LATER, "position": 1, "kind": None, "cluster": None, "rank": None, "last_kind": "",
        "last_id": "", "limit": 101,
    }  # fmt: skip
    with conn.transaction():
        conn.execute(searching.SETTINGS)
        ((plan,),) = conn.execute(
            f"explain (format json) {searching.WITH_PERSONS}".encode(), asked
        ).fetchall()
    nodes, found = [(json.loads(plan) if isinstance(plan, str) else plan)[0]["Plan"]], []
    while nodes:
        node = nodes.pop()
        nodes += node.get("Plans", ())
        found.append(node)
    return found
