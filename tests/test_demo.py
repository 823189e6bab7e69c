"""The demonstration year: figures near the plan, a story worth examining, played once into an empty log."""

import hashlib
import json
import os
import re
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import psycopg
import pytest
from msgspec import Struct
from psycopg.rows import dict_row

from ckr_es import demo
from ckr_es.demo.firms import CLUSTERS
from ckr_es.projections import kpi_changes
from ckr_es.projections.rebuild import rebuild
from ckr_es.store.database import Database
from ckr_es.store.settings import Settings

Conn = psycopg.Connection[tuple[Any, ...]]

LONGEST = 60.0  # seconds; 12 on two idle cores


class Played(Struct, frozen=True):
    said: dict[str, Any]
    seconds: float
    home: str
    database: Database
    conn: Conn

    @property
    def position(self) -> int:
        return int(self.said["meta"]["head_position"])


@pytest.fixture(scope="module")
def played() -> Iterator[Played]:
    """`ckr demo --no-serve` on a fresh folder; the server is then kept for the questions."""
    with tempfile.TemporaryDirectory(prefix="ckr-es-") as folder:
        Path(folder).chmod(0o711)
        home = str(Path(folder, "data"))
        began = time.monotonic()
        done = ckr(home, "demo", "--no-serve", "--json")
        seconds = time.monotonic() - began
        assert done.returncode == 0, done.stderr
        with (
            Database.open(Settings(data_dir=Path(home))) as database,
            psycopg.connect(database.conninfo("ckr_reader"), autocommit=True) as conn,
        ):
            yield Played(json.loads(done.stdout), seconds, home, database, conn)


def ckr(home: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    environ = {**os.environ, "CKR_DATA_DIR": home}
    command = [sys.executable, "-m", "ckr_es.cli", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, env=environ, check=False)


def test_the_year_is_the_same_for_the_same_seed() -> None:
    first, again, other = demo.year(), demo.year(), demo.year(seed=7)
    assert [(n.key, n.lane, n.act.on, n.act.about, n.act.name) for n in first] == [
        (n.key, n.lane, n.act.on, n.act.about, n.act.name) for n in again
    ]
    assert [n.act.on for n in first] != [n.act.on for n in other]
    assert len({n.key for n in first}) == len(first)


def test_it_takes_well_under_a_minute(played: Played) -> None:
    assert played.seconds < LONGEST


def test_figures_are_near_the_plan_of_2021(played: Played) -> None:
    rows = {row["kpi"]: row for row in played.said["rows"]}
    planned = {kpi: row for kpi, row in rows.items() if row["plan"]}
    assert len(planned) == 7
    assert all(100 <= row["percent"] <= 115 for row in planned.values()), planned
    assert rows["clusters"]["actual"] == 5
    assert rows["clusters_production"]["actual"] == 2
    assert rows["complex_services"]["actual"] == 150
    assert set(played.said["keys"]) == {"operator", "manager", "auditor", "analyst", "admin"}


def test_the_clusters_are_those_of_the_concept(played: Played) -> None:
    proposed = column(played.conn, "select body->>'title' from ckr.event where type = 'cluster.proposed'")
    assert sorted(proposed) == sorted(one.title for one in CLUSTERS)
    assert "Туристско-рекреационный кластер «Арктический»" in proposed


def test_applications_were_refused_and_overridden_for_reasons(played: Played) -> None:
    decided = played.conn.execute(
        """select body->>'decision', role, json_array_length(coalesce(body->'overrides', '[]')),
                  (select string_agg(c->>'condition', ',' order by c->>'condition')
                   from json_array_elements(body->'checks') c where c->>'verdict' = 'fail')
           from ckr.event where type = 'service-case.eligibility-decided'"""
    ).fetchall()
    refused = Counter(failed for decision, _, _, failed in decided if decision == "refused")
    assert set(refused) == {"E4", "E9", "E1,E2", "E0", "E8"}
    overriding = Counter(role for decision, role, overrides, _ in decided if overrides)
    assert overriding["operator"] > 5
    assert overriding["manager"] >= 1


def test_no_entrepreneur_is_named_in_the_log(played: Played) -> None:
    persons = column(
        played.conn,
        "select body->>'identity_commitment' from ckr.event "
        "where type = 'participant.registered' and body->>'kind' = 'entrepreneur' and body->>'name' is null",
    )
    assert 40 < len(persons) < 70
    assert all(persons)


def test_three_quarters_were_closed_and_each_has_moved_since(played: Played) -> None:
    closed = played.conn.execute(
        """select body->>'label', (body->>'as_of')::date, (body->>'known_position')::bigint
           from ckr.event where type = 'period.closed' order by position"""
    ).fetchall()
    assert [label for label, _, _ in closed] == ["2021-Q1", "2021-Q2", "2021-Q3"]
    moved = {
        label: {
            c.kpi for c in kpi_changes.diff(played.conn, as_of, at, as_of, played.position).rows if c.delta
        }
        for label, as_of, at in closed
    }
    assert moved["2021-Q1"] >= {"services", "supported_smes", "sales", "jobs_created"}
    assert moved["2021-Q2"] >= {"services", "complex_services", "supported_smes"}
    assert moved["2021-Q3"] >= {"services", "complex_services", "new_products", "sales"}


def test_a_second_run_refuses_and_leaves_everything_as_it_was(played: Played) -> None:
    again = ckr(played.home, "demo", "--no-serve")
    assert again.returncode == 1
    assert again.stderr.count("\n") == 1
    assert "Журнал не пуст" in again.stderr
    assert column(played.conn, "select max(position) from ckr.event") == [played.position]


def test_rebuilt_tables_are_equal_to_those_that_followed(played: Played) -> None:
    done = ckr(played.home, "projections", "rebuild", "kpi", "--shadow", "--json")
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout)
    assert (said["differences"], said["switched"]) == ([], False)
    assert rebuild("directory", played.database, shadow_only=True).differences == ()


def test_the_table_is_shown_for_any_day_and_position(played: Played) -> None:
    (position,) = column(
        played.conn, "select position from ckr.event where type = 'period.closed' order by position limit 1"
    )
    shown = ckr(played.home, "kpi", "--as-of", "2021-03-31", "--known-position", str(position), "--json")
    answer = json.loads(shown.stdout)
    assert (answer["meta"]["as_of"], answer["meta"]["known_position"]) == ("2021-03-31", position)
    pinned = column(played.conn, "select body->'table' from ckr.event where position = %s", position)
    assert answer["rows"] == pinned[0]
    words = ckr(played.home, "kpi", "--as-of", "2021-12-31").stdout
    assert "200\u202f000" in words
    assert "31.12.2021" in words


def test_the_difference_of_two_tables_is_shown_with_its_records(played: Played) -> None:
    (position,) = column(
        played.conn,
        "select (body->>'known_position')::bigint from ckr.event where body->>'label' = '2021-Q2'",
    )
    sides = ("--as-of", "2021-06-30", "--known-position", str(position))
    said = json.loads(ckr(played.home, "audit", "diff", *sides, "--json").stdout)
    changes = kpi_changes.diff(
        played.conn, date(2021, 6, 30), position, date(2021, 6, 30), played.position
    ).rows
    assert (said["meta"]["known_position"], said["to"]["known_position"]) == (position, played.position)
    assert [(r["kpi"], r["from"], r["to"], len(r["events"])) for r in said["rows"]] == [
        (c.kpi, c.from_ and float(c.from_), c.to and float(c.to), len(c.events)) for c in changes
    ]
    words = ckr(played.home, "audit", "diff", *sides).stdout
    assert "перенесено" in words
    assert "Внутренняя проверка" in words
    table = ckr(played.home, "kpi", "--diff", *sides).stdout
    assert "Разница" in table
    assert "перенесено" not in table
    assert json.loads(ckr(played.home, "kpi", "--diff", *sides, "--json").stdout) == said
    for wrong in (("--to-as-of", "2021-01-01"), ("--diff", "--forecast")):
        refused = ckr(played.home, "kpi", *wrong)
        assert (refused.returncode, refused.stdout, refused.stderr.count("\n")) == (2, "", 1)


def test_a_forecast_is_shown_with_its_light(played: Played) -> None:
    said = json.loads(ckr(played.home, "kpi", "--as-of", "2021-06-30", "--forecast", "--json").stdout)
    services = next(row for row in said["rows"] if row["kpi"] == "services")
    assert services["light"] in ("yellow", "red")
    assert services["linear"] == pytest.approx(services["actual"] * 365 / 181, abs=0.06)
    words = ckr(played.home, "kpi", "--as-of", "2021-12-31", "--forecast").stdout
    assert "выполняется" in words


def column(conn: Conn, query: str, *parameters: Any) -> list[Any]:
    return [value for (value,) in conn.execute(query, parameters or None).fetchall()]


def test_every_act_is_entered_in_the_year_or_right_after_it() -> None:
    days = [numbered.act.on for numbered in demo.year()]
    assert date(2021, 1, 11) <= min(days) <= max(days) <= date(2022, 1, 31)


def test_the_roadmap_of_the_year_is_done_but_for_one_row(played: Played) -> None:
    said = json.loads(ckr(played.home, "roadmap", "--as-of", "2022-01-31", "--overdue", "--json").stdout)
    assert [(row["no"], row["period"]) for row in said["rows"]] == [("3", "2021"), ("3.3", "2021")]
    late = json.loads(ckr(played.home, "roadmap", "--as-of", "2022-01-31", "--json").stdout)["rows"]
    assert [(row["no"], row["period"]) for row in late if row["late"]] == [("11", "2021-Q3")]
    words = ckr(played.home, "roadmap", "--as-of", "2022-01-31").stdout
    assert "с опозданием" in words
    out = Path(played.home).parent / "roadmap.xlsx"
    written = ckr(played.home, "roadmap", "--format", "xlsx", "--out", str(out))
    assert written.returncode == 0, written.stderr
    assert out.read_bytes()[:2] == b"PK"
    assert ckr(played.home, "roadmap", "--format", "xlsx").returncode == 2


def test_the_money_of_the_year_is_within_its_limits(played: Played) -> None:
    sides = ("2021", "--as-of", "2021-12-31")
    rows = {
        row["source"]: row for row in json.loads(ckr(played.home, "funding", *sides, "--json").stdout)["rows"]
    }
    for source in ("federal", "regional", "total"):
        row = rows[source]
        assert 0 < row["spent_kopecks"] < row["limit_kopecks"]
        assert row["free_kopecks"] == row["limit_kopecks"] - row["spent_kopecks"] - row["reserved_kopecks"]
    lines = json.loads(ckr(played.home, "funding", *sides, "--lines", "--json").stdout)["items"]
    states = Counter(line["state"] for line in lines)
    assert states["released"] == 4
    assert (
        sum(line["kopecks"] for line in lines if line["state"] == "spent") == rows["total"]["spent_kopecks"]
    )
    assert "краевой бюджет" in ckr(played.home, "funding", *sides).stdout
    assert "освобождено" in ckr(played.home, "funding", *sides, "--lines").stdout
    assert rebuild("funding", played.database, shadow_only=True).differences == ()


def test_providers_of_the_year_are_rated_and_one_was_blocked(played: Played) -> None:
    every = json.loads(ckr(played.home, "provider", "--as-of", "2021-12-31", "--json").stdout)["items"]
    assert len(every) == 6
    assert all(3 <= one["rating"]["grade"] <= 5 for one in every)
    blocked = json.loads(ckr(played.home, "provider", "--blocked", "--as-of", "2021-07-01", "--json").stdout)[
        "items"
    ]
    assert [one["blocked_on"] for one in blocked] == ["2021-06-01"]
    answered = column(
        played.conn,
        "select count(*) from ckr.event where type = 'service-case.agreement-signed' "
        "and body->'conflicts_answered' is not null",
    )
    assert answered[0] > 5
    assert "Сроки сорваны" in ckr(played.home, "provider", "--as-of", "2021-07-01").stdout
    one = json.loads(ckr(played.home, "provider", every[0]["inn"], "--json").stdout)["items"]
    assert [item["id"] for item in one] == [every[0]["id"]]


def test_who_is_to_be_asked_after_a_complex_service_is_listed(played: Played) -> None:
    sides = ("--as-of", "2021-12-31", "--json")
    every = json.loads(ckr(played.home, "follow-ups", *sides).stdout)["items"]
    assert len(every) == 150
    overdue = json.loads(ckr(played.home, "follow-ups", "--overdue", *sides).stdout)["items"]
    assert 0 < len(overdue) < len(every)
    first = json.loads(ckr(played.home, "follow-ups", "--effect", *sides).stdout)["items"][0]
    assert (first["services"], first["done"] > 20) == (150, True)
    assert "просрочено" in ckr(played.home, "follow-ups", "--as-of", "2021-12-31").stdout
    assert "Оценка" in ckr(played.home, "follow-ups", "--effect").stdout
    assert ckr(played.home, "follow-ups", "--effect", "--overdue").returncode == 2


def test_what_was_done_for_clusters_and_functions_is_listed(played: Played) -> None:
    sides = ("--as-of", "2021-12-31", "--json")
    every = json.loads(ckr(played.home, "functions", *sides).stdout)["items"]
    assert min(one["total"] for one in every) > 0
    services = next(one["total"] for one in every if one["code"] == "FN.е")
    assert services == next(r["actual"] for r in played.said["rows"] if r["kpi"] == "services")
    listed = json.loads(ckr(played.home, "functions", "FN.е", *sides).stdout)["items"]
    assert len(listed) == services
    assert "FN.т" in ckr(played.home, "functions").stdout
    assert "дорожная карта, строка 10" in ckr(played.home, "functions", "FN.м").stdout
    lived = json.loads(ckr(played.home, "cluster", "life", "tourism", *sides).stdout)["items"]
    projects = [one for one in lived if one["kind"] == "project"]
    assert [len(one["record"]["participants"]) for one in projects] == [3, 3]
    words = ckr(played.home, "cluster", "life", "resource-service", "--function", "FN.ж").stdout
    assert ("Цепочка ремонта" in words, "межрегиональный" in words) == (True, True)
    for wrong in (
        ("functions", "FN.a"),
        ("cluster", "life", "nowhere"),
        ("cluster", "life", "tourism", "--function", "б"),
    ):
        refused = ckr(played.home, *wrong)
        assert (refused.returncode, refused.stdout, refused.stderr.count("\n")) == (1, "", 1)


def test_group_services_of_the_year_are_listed_with_their_people(played: Played) -> None:
    said = json.loads(ckr(played.home, "group-service", "list", "--as-of", "2021-12-31", "--json").stdout)
    assert len(said["items"]) == 4
    assert all(1 < one["participants"] == one["served"] for one in said["items"])
    one = json.loads(ckr(played.home, "group-service", "show", said["items"][0]["id"], "--json").stdout)
    assert one["attendees"] > one["served"]


def test_a_firm_is_found_and_its_history_printed(played: Played, tmp_path: Path) -> None:
    firm = next(iter(demo_firms(played)))
    slip = firm["name"].replace("ООО ", "").replace("«", "").replace("»", "").replace("о", "o")  # Latin o
    said = json.loads(ckr(played.home, "search", slip, "--as-of", "2021-12-31", "--json").stdout)
    assert said["items"][0]["id"] == str(firm["id"])
    by_inn = ckr(played.home, "search", firm["inn"], "--kind", "participant")
    assert (firm["name"] in by_inn.stdout, "номер" in by_inn.stdout) == (True, True)
    assert ckr(played.home, "search", "  ").returncode == 2
    for audience, by in (("firm", str(firm["id"])), ("audit", firm["inn"])):
        out = tmp_path / f"{audience}.json"
        written = ckr(
            played.home, "report", "firm", by, "--for", audience, "--as-of", "2021-12-31", "--format", "json",
            "--out", str(out),
        )  # fmt: skip
        assert written.returncode == 0, written.stderr
        assert "выписка" in written.stdout
        extract = json.loads(out.read_bytes())
        assert (extract["audience"], extract["subject"]["inn"]) == (audience, firm["inn"])
        assert extract["history"]


def test_a_sample_for_an_audit_can_be_drawn_again(played: Played, tmp_path: Path) -> None:
    sides = ("--as-of", "2021-12-31", "--known-position", str(played.position), "--format", "json", "--json")

    def drawn(seed: str, folder: str) -> dict[str, Any]:
        out = ("--count", "3", "--seed", seed, "--out", str(tmp_path / folder))
        done = ckr(played.home, "report", "sample", *out, *sides)
        assert done.returncode == 0, done.stderr
        said: dict[str, Any] = json.loads(done.stdout)
        return said

    first, again, other = drawn("проверка-2022", "a"), drawn("проверка-2022", "b"), drawn("иначе", "c")
    assert [one["digest"] for one in first["items"]] == [one["digest"] for one in again["items"]]
    assert {one["id"] for one in first["items"]} != {one["id"] for one in other["items"]}
    (served,) = (row["actual"] for row in played.said["rows"] if row["kpi"] == "supported_smes")
    assert (first["population"], len(list((tmp_path / "a").iterdir()))) == (served, 3)
    ranked = sorted(
        (hashlib.sha256(f"проверка-2022:{id}".encode()).digest(), str(id))
        for (id,) in played.conn.execute(
            "select participant_id from kpi.line where kpi like 'service\\_%%' and day between '2021-01-01' and"
            " '2021-12-31' and position <= %s group by participant_id having sum(n) > 0", (played.position,)
        )
    )  # fmt: skip
    assert [one["id"] for one in first["items"]] == [id for _, id in ranked[:3]]


def demo_firms(played: Played) -> list[dict[str, Any]]:
    with played.conn.cursor(row_factory=dict_row) as cursor:
        return cursor.execute(
            "select id, inn, name from directory.participant where known_to is null and name is not null order by id"
        ).fetchall()


def test_the_register_of_support_was_told_month_by_month(played: Played) -> None:
    said = json.loads(ckr(played.home, "support", "list", "--as-of", "2022-01-02", "--json").stdout)
    assert set(said["totals"]) == {"to_report", "accepted", "corrected", "annulled", "overdue"}
    assert (said["totals"]["overdue"], said["totals"]["annulled"]) == (0, 2)
    after = json.loads(ckr(played.home, "support", "list", "--as-of", "2022-01-31", "--json").stdout)[
        "totals"
    ]
    assert after["in_file"] == said["totals"]["to_report"]
    assert sum(item["late"] for item in said["items"]) == 3
    assert "сообщить" in ckr(played.home, "support", "list", "--as-of", "2022-01-02").stdout
    codes = json.loads(ckr(played.home, "support", "codes", "--json").stdout)
    assert codes["sender"]["name"] == "АНО «ККЦРБ МКК»"
    assert "Консультационная" in ckr(played.home, "support", "codes").stdout


def test_a_file_for_the_register_is_written_for_its_owner_alone_and_answered(played: Played) -> None:
    """Last of all: it records."""
    folder = Path(played.home).parent
    (file_id,) = column(
        played.conn,
        "select body->>'file_id' from ckr.event where type = 'support-file.made' order by position desc limit 1",
    )
    out = folder / "register.xml"
    written = ckr(played.home, "support", "file", "--again", file_id, "--out", str(out), "--json")
    assert written.returncode == 0, written.stderr
    assert out.stat().st_mode & 0o777 == 0o600
    sent = out.read_text()
    assert sent.count("<Документ ") == json.loads(written.stdout)["documents"] > 10
    assert ckr(played.home, "support", "file", "--again", file_id, "--out", str(out)).returncode == 2
    nothing = ckr(played.home, "support", "file")
    assert (nothing.returncode, nothing.stderr) == (1, "ckr: Сообщать в реестр нечего\n")
    refused = ckr(played.home, "support", "answer", file_id, str(out))
    assert (refused.returncode, refused.stderr.count("\n")) == (1, 1)
    assert "РезОбр" in refused.stderr
    codes = ckr(played.home, "support", "codes", "--json").stdout
    (folder / "codes.json").write_text(codes.replace('"report_day": 5', '"report_day": 7'))
    changed = ckr(played.home, "support", "codes", "--set", str(folder / "codes.json"))
    assert "До 7 числа" in changed.stdout, changed.stderr
    first, second = re.findall(r'ИдДок="([^"]+)"', sent)[:2]
    answer = folder / "answer.xml"
    answer.write_text(
        f'<Файл><РезОбр ИдДок="{first}" КодРезОбр="02"/><РезОбр ИдДок="{second}" КодРезОбр="01"/></Файл>'
    )
    told = json.loads(ckr(played.home, "support", "answer", file_id, str(answer), "--json").stdout)
    assert (told["accepted"], told["rejected"], told["news"]) == (1, 1, True)
    again = folder / "again.xml"
    made = json.loads(ckr(played.home, "support", "file", "--out", str(again), "--json").stdout)
    assert (made["documents"], again.stat().st_mode & 0o777) == (1, 0o600)
