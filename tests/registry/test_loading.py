"""From a register's file to records: each participant is told of once, or nothing is recorded at all."""

import zipfile
from collections.abc import Iterator
from datetime import date
from itertools import count
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest
from api.centre import firm_inn, person_inn
from psycopg import sql
from registry.generator import Received, Sme, sme, write_sme, write_support, xml

from ckr_es.aggregates import participant
from ckr_es.aggregates.participant import Participant
from ckr_es.application import Request, ServiceTracking
from ckr_es.commands import Registration, close_period, register
from ckr_es.commands import Snapshot as Table
from ckr_es.registry import snapshots
from ckr_es.registry.loading import Order, Stopped, Watch, load
from ckr_es.registry.recording import Clerk
from ckr_es.registry.snapshots import Snapshot
from ckr_es.rules import Invalid, Refused
from ckr_es.rules.kpi_sets import Policy
from ckr_es.store.database import Database

TODAY = date(2021, 6, 1)
CLERK = Clerk(actor="test", role="operator", today=TODAY)


@pytest.fixture(scope="module")
def tracking(database: Database) -> Iterator[ServiceTracking]:
    running = ServiceTracking(database)
    yield running
    running.close()


numbers = count(100)  # each test has firms of its own
days = (date.fromordinal(n) for n in count(date(2021, 3, 10).toordinal()))  # … and a day


def request() -> Request:
    return Request(
        key=uuid4().hex, request_hash=b"", actor="test", role="operator", correlation_id=uuid4(), today=TODAY
    )


def registered(tracking: ServiceTracking, inn: str) -> UUID:
    kind = "entrepreneur" if len(inn) == 12 else "legal_entity"
    given = Registration(kind=kind, inn=inn, name="Имярек", registered_on=date(2020, 3, 1))
    return UUID(register(tracking, request(), given).receipt.id)


def loaded(
    tracking: ServiceTracking, path: Path, clerk: Clerk = CLERK, watch: Watch | None = None, **order: Any
) -> Snapshot:
    return load(tracking, Order(path=path, clerk=clerk, processes=1, **order), watch or Watch())


def known(tracking: ServiceTracking, id: UUID) -> Participant:
    return tracking.streams([id]).known(participant.KIND, id, "Участник")


def last(tracking: ServiceTracking, who: UUID) -> tuple[str, date] | None:
    """The last answer about the participant and its day."""
    checks = known(tracking, who).checks
    return (checks[-1].result, checks[-1].as_of) if checks else None


def archive(path: Path, *members: list[str]) -> Path:
    """Documents as given, member by member."""
    with zipfile.ZipFile(path, "w") as file:
        for n, documents in enumerate(members):
            file.writestr(f"VO_{n}.xml", xml(documents, said=len(documents)))
    return path


def rows(tracking: ServiceTracking, query: str, *given: object) -> list[tuple[Any, ...]]:
    with tracking.recorder.connect() as conn:
        return conn.execute(query.encode(), given).fetchall()


def staged(tracking: ServiceTracking, id: UUID) -> tuple[int, int]:
    """Rows and members of a snapshot."""
    found = rows(
        tracking,
        "select (select count(*) from registry.sme where snapshot_id = %s),"
        " (select count(*) from registry.member where snapshot_id = %s)",
        id,
        id,
    )
    return found[0][0], found[0][1]


def test_a_complete_archive_tells_of_each_participant(tracking: ServiceTracking, tmp_path: Path) -> None:
    day = next(days)
    firm, person, gone = (registered(tracking, inn) for inn in (firm_inn(1), person_inn(2), firm_inn(3)))
    told = [
        Sme(inn=firm_inn(1), additional=["62.01"], headcount=7, licences=["Перевозка"]),
        Sme(inn=person_inn(2), region="77", old=["52.11"]),
    ]
    path = write_sme(tmp_path / "sme.zip", 300, members=5, given=told, as_of=day)
    done = loaded(tracking, path)
    assert (done.state, done.complete, done.records, done.last_as_of) == ("recorded", True, 302, day)
    assert (done.found, done.absent, done.unchanged) == (2, 1, 0)
    assert [last(tracking, who) for who in (firm, person, gone)] == [
        ("found", day), ("found", day), ("absent", day)
    ]  # fmt: skip
    event = known(tracking, firm).checked[-1]
    assert (event.source, event.via, event.answer_sha256) == ("ЕРСМСП", "snapshot", done.sha256)
    assert (event.category, event.okved_additional, event.headcount) == ("micro", ("62.01",), 7)
    assert event.licences is not None
    assert "Перевозка" in event.licences[0]
    assert (event.status, known(tracking, person).checked[-1].okved_version) == (None, "2001")


def test_loading_twice_is_no_news(tracking: ServiceTracking, tmp_path: Path) -> None:
    who = registered(tracking, inn := firm_inn(next(numbers)))
    path = write_sme(tmp_path / "sme.zip", 50, given=[Sme(inn=inn)], as_of=(day := next(days)))
    first = loaded(tracking, path)
    head = tracking.recorder.head()
    commands = rows(tracking, "select count(*) from ckr.command")
    again = loaded(tracking, path)
    assert (again.id, again.found, again.absent) == (first.id, first.found, first.absent)
    assert again.unchanged == first.found + first.absent
    assert (tracking.recorder.head(), rows(tracking, "select count(*) from ckr.command")) == (head, commands)
    assert last(tracking, who) == ("found", day)


@pytest.mark.parametrize("kind", ["xml", "dir", "partial"])
def test_only_a_complete_snapshot_says_absent(tracking: ServiceTracking, tmp_path: Path, kind: str) -> None:
    there, gone = (
        registered(tracking, inn := firm_inn(next(numbers))),
        registered(tracking, firm_inn(next(numbers))),
    )
    folder = tmp_path / "folder"
    folder.mkdir()
    path = folder / ("sme.zip" if kind == "partial" else "sme.xml")
    write_sme(path, 10, given=[Sme(inn=inn)], as_of=(day := next(days)))
    path = folder if kind == "dir" else path
    done = loaded(tracking, path, complete=False if kind == "partial" else None)
    assert (done.complete, done.found, done.absent) == (False, 1, 0)
    assert (last(tracking, there), last(tracking, gone)) == (("found", day), None)
    said = loaded(tracking, path, complete=True)
    assert said.complete
    assert said.absent >= 1
    assert (last(tracking, there), last(tracking, gone)) == (("found", day), ("absent", day))


def test_days_that_differ_make_no_complete_snapshot(tracking: ServiceTracking, tmp_path: Path) -> None:
    gone = registered(tracking, firm_inn(next(numbers)))
    one, two = next(days), next(days)
    told = [sme(Sme(inn=firm_inn(next(numbers))), day) for day in (one, two)]
    done = loaded(tracking, archive(tmp_path / "mixed.zip", told), complete=True)
    assert (done.complete, done.first_as_of, done.last_as_of) == (False, one, two)
    assert any("ДатаСост" in note for note in done.notes)
    assert last(tracking, gone) is None


def test_a_file_much_smaller_than_the_last_one_is_noted(tracking: ServiceTracking, tmp_path: Path) -> None:
    whole, part = (loaded(tracking, write_sme(tmp_path / f"{n}.zip", n, as_of=next(days))) for n in (100, 40))
    assert not any("весь ли" in note for note in whole.notes)
    assert any("было 100" in note for note in part.notes)


def test_who_came_after_the_reading_is_found_and_never_absent(
    tracking: ServiceTracking, tmp_path: Path
) -> None:
    inn, other = firm_inn(next(numbers)), firm_inn(next(numbers))
    path = write_sme(tmp_path / "sme.zip", 10, given=[Sme(inn=inn)], as_of=(day := next(days)))
    before = loaded(tracking, path)
    late, absent = registered(tracking, inn), registered(tracking, other)
    after = loaded(tracking, path)
    assert (after.id, after.known_position, after.found) == (
        before.id,
        before.known_position,
        before.found + 1,
    )
    assert (last(tracking, late), last(tracking, absent)) == (("found", day), None)


def test_for_another_region_the_file_is_read_anew(tracking: ServiceTracking, tmp_path: Path) -> None:
    told = [Sme(inn=firm_inn(next(numbers)), region=region) for region in ("24", "77", "77")]
    path = write_sme(tmp_path / "sme.zip", given=told, as_of=next(days))
    kept = [loaded(tracking, path, region=region).kept for region in ("24", "77", None)]
    assert kept == [1, 2, 0]


def test_an_interrupted_load_goes_on_and_reads_no_member_twice(
    tracking: ServiceTracking, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ckr_es.registry.loading.ROWS", 1)
    who = registered(tracking, inn := firm_inn(next(numbers)))
    path = write_sme(
        tmp_path / "sme.zip", 600, members=6, given=[Sme(inn=inn)], share_of_region_24=1, as_of=next(days)
    )
    read: list[float] = []
    watch = Watch(moved=lambda at, total, what: read.append(at / total), stopped=lambda: len(read) >= 3)
    with pytest.raises(Stopped):
        loaded(tracking, path, watch=watch)
    assert last(tracking, who) is None
    with tracking.recorder.connect() as conn:
        (stopped, *_) = snapshots.page(conn, "sme", 1)
    assert (stopped.state, stopped.members_read) == ("interrupted", 3)
    again: list[str] = []
    done = loaded(tracking, path, watch=Watch(moved=lambda at, total, what: again.append(what)))
    assert (done.id, done.state, done.records, done.members_read) == (stopped.id, "recorded", 601, 6)
    assert again.count("чтение") == 3
    assert staged(tracking, done.id)[0] == done.kept == 601


DUPLICATES = {
    "in one member": ([0, 0], []),
    "in two members": ([0], [0]),
    "far apart": ([0, *range(1, 700)], [0]),
}


@pytest.mark.parametrize("who", ["a firm", "a person"])
@pytest.mark.parametrize("members", DUPLICATES.values(), ids=DUPLICATES)
def test_a_firm_that_is_told_twice_makes_the_file_bad(
    tracking: ServiceTracking, tmp_path: Path, members: tuple[list[int], ...], who: str
) -> None:
    day, first = next(days), next(numbers)
    inn = firm_inn(first) if who == "a firm" else person_inn(first)
    there = registered(tracking, inn)
    told = [
        [sme(Sme(inn=inn if n == 0 else f"{60_0000_0000 + n}"), day) + "\n" for n in documents]
        for documents in members
    ]
    path = archive(tmp_path / "twice.zip", *told)
    head = tracking.recorder.head()
    with pytest.raises(Invalid) as refused:
        loaded(tracking, path)
    assert refused.value.code == "inn-duplicate"
    assert refused.value.detail.count("VO_") == 2
    assert refused.value.detail.count("строка") == 2
    assert (inn in refused.value.detail) == (who == "a firm")
    assert last(tracking, there) is None
    assert tracking.recorder.head() == head


def test_a_bad_file_leaves_nothing_and_may_be_tried_again(tracking: ServiceTracking, tmp_path: Path) -> None:
    inn, day = firm_inn(next(numbers)), next(days)
    who = registered(tracking, inn)
    told = [[sme(Sme(inn=inn), day)], [sme(Sme(inn=firm_inn(next(numbers))), date(2021, 6, 2))]]
    path = archive(tmp_path / "future.zip", *told)
    head = tracking.recorder.head()
    for _ in range(2):
        with pytest.raises(Invalid) as refused:
            loaded(tracking, path)
        assert refused.value.code == "date-in-future"
        with tracking.recorder.connect() as conn:
            (failed, *_) = snapshots.page(conn, "sme", 1)
        assert (failed.state, failed.found, failed.absent) == ("failed", 0, 0)
        assert failed.error is not None
        assert (failed.error["code"], "VO_1.xml" in failed.error["detail"]) == ("date-in-future", True)
        assert staged(tracking, failed.id) == (0, 0)
    assert (tracking.recorder.head(), last(tracking, who)) == (head, None)
    tomorrow = Clerk(actor="test", role="operator", today=date(2021, 6, 2))
    done = loaded(tracking, path, tomorrow)
    assert (done.id, done.state, done.error) == (failed.id, "recorded", None)
    assert last(tracking, who) == ("found", day)


def test_one_load_of_a_register_at_a_time(tracking: ServiceTracking, tmp_path: Path) -> None:
    path = write_sme(tmp_path / "sme.zip", 10, as_of=next(days))
    said: list[str] = []

    def second(_: UUID) -> None:
        with pytest.raises(Refused) as refused:
            loaded(tracking, path)
        said.append(refused.value.code)

    loaded(tracking, path, watch=Watch(began=second))
    assert said == ["load-in-progress"]


def test_a_closed_period_takes_all_with_a_reason_or_nothing(
    tracking: ServiceTracking, tmp_path: Path
) -> None:
    day = date(2020, 11, 10)
    ids = [registered(tracking, firm_inn(next(numbers))) for _ in range(3)]
    path = write_sme(tmp_path / "sme.zip", 30, given=[Sme(inn=firm_inn(1))], as_of=day)
    table = Table(known_position=0, kpi_set="2021", policy=Policy(), table=(), ledger_root="00" * 32)
    close_period(tracking, request(), "2020-Q4", approved_by="Глава", note=None, table=lambda *_: table)
    head = tracking.recorder.head()
    with pytest.raises(Refused) as refused:
        loaded(tracking, path)
    assert (refused.value.code, "2020-Q4" in refused.value.detail) == ("period-closed", True)
    assert tracking.recorder.head() == head
    with tracking.recorder.connect() as conn:
        (waiting, *_) = snapshots.page(conn, "sme", 1)
    assert (waiting.state, waiting.error and waiting.error["code"]) == ("read", "period-closed")
    moved: list[str] = []
    late = Clerk(actor="test", role="operator", today=TODAY, late_reason="снимок пришёл поздно")
    done = loaded(tracking, path, late, Watch(moved=lambda at, total, what: moved.append(what)))
    assert (done.id, done.state, done.error) == (waiting.id, "recorded", None)
    assert set(moved) == {"запись"}
    assert {last(tracking, who) for who in ids} == {("absent", day)}
    assert known(tracking, ids[0]).checked  # and once more there is no news, so no reason is asked for
    assert loaded(tracking, path).absent == done.absent


def test_only_the_latest_complete_snapshots_keep_their_rows(
    tracking: ServiceTracking, tmp_path: Path
) -> None:
    inn = firm_inn(next(numbers))
    registered(tracking, inn)
    made = [
        loaded(tracking, write_sme(tmp_path / f"{n}.zip", given=[Sme(inn=inn)], as_of=next(days)))
        for n in range(4)
    ]
    assert [staged(tracking, one.id)[0] for one in made] == [0, 0, 1, 1]
    assert [staged(tracking, one.id)[1] for one in made] == [1, 1, 1, 1]
    head = tracking.recorder.head()
    again = loaded(tracking, tmp_path / "0.zip")
    assert (again.id, again.state, tracking.recorder.head()) == (made[0].id, "recorded", head)


@pytest.mark.parametrize("structure", ["2020", "4.04"])
def test_supports_of_several_documents_are_one_record(
    tracking: ServiceTracking, tmp_path: Path, structure: Any
) -> None:
    inn, of_person, of_none = firm_inn(next(numbers)), person_inn(next(numbers)), firm_inn(next(numbers))
    firm, person, none = (registered(tracking, one) for one in (inn, of_person, of_none))
    told = [
        Received(inn=inn, form="0400"),
        Received(inn=of_person, name="ПРИМЕТНЫЙ"),
        Received(inn=inn, form="0500", kind="0501", decided_on=date(2020, 5, 1), violation="other"),
        Received(inn=inn, form="0400"),
    ]
    path = write_support(tmp_path / "pp.zip", told, members=2, as_of=(day := next(days)), structure=structure)
    done = loaded(tracking, path)
    assert (done.register, done.region, done.complete, done.records) == ("support", None, True, 4)
    (said,) = known(tracking, firm).support_checked
    assert (said.source, said.as_of, said.result, said.answer_sha256) == (
        "ЕРСМСП-ПП",
        day,
        "found",
        done.sha256,
    )
    forms = [support.form for support in said.supports]
    assert forms[0] == "0500"
    assert set(forms) == {"0400", "0500"}
    assert said.supports[0].violations[0].kind == "other"
    assert [check.result for check in known(tracking, person).support_checked] == ["found"]
    assert [check.result for check in known(tracking, none).support_checked] == ["absent"]
    head = tracking.recorder.head()
    assert loaded(tracking, path).unchanged == done.found + done.absent
    assert tracking.recorder.head() == head


def test_no_table_knows_a_persons_name(tracking: ServiceTracking, database: Database, tmp_path: Path) -> None:
    name, inn = "ПРИМЕТНЫЙ-МАРКЕР", person_inn(next(numbers))
    registered(tracking, inn)
    told = [Sme(inn=inn, name=name, licences=["Перевозка"]), Sme(inn=person_inn(next(numbers)), name=name)]
    done = loaded(tracking, write_sme(tmp_path / "sme.zip", given=told, as_of=next(days)))
    given = [Received(inn=inn, name=name)]
    loaded(tracking, write_support(tmp_path / "pp.zip", given, as_of=next(days)))
    assert done.kept == 2
    with psycopg.connect(database.admin_conninfo(), autocommit=True) as conn:
        tables = conn.execute(
            "select n.nspname, c.relname from pg_class c join pg_namespace n on n.oid = c.relnamespace"
            " where c.relkind in ('r', 'm', 'p') and n.nspname in ('ckr', 'registry')"
        ).fetchall()
        knowing: dict[str, set[str]] = {}
        for schema, table in tables:
            text = "\n".join(
                row
                for (row,) in conn.execute(
                    sql.SQL("select t::text from {} t").format(sql.Identifier(schema, table))
                )
            )
            knowing |= {
                f"{schema}.{table}": {mark for mark in (name, "321246800001239", inn) if mark in text}
            }
    assert {table: marks for table, marks in knowing.items() if marks} == {
        "ckr.identity": {inn},
        "registry.sme": {inn},
        "registry.support": {inn},
    }
