"""A year of two clusters: one grows from an idea to an association, of the other the centre only knows."""

from typing import Any

from api.centre import Client, accept, complex_case, firm, problem, ready_firm

PAPER = {"title": "Протокол", "number": "1", "date": "2021-01-20"}
YEAR = {"as_of": "2021-12-31"}


def told(client: Client, code: str, **query: Any) -> list[tuple[str, str, str]]:
    """What was done for the cluster: day, kind, title."""
    found = client.read(f"/clusters/{code}/life", **YEAR | query)["items"]
    return [(one["effective_on"], one["kind"], one["record"]["title"]) for one in found]


def recorded(client: Client, **when: Any) -> dict[str, int]:
    """How much was recorded for each function."""
    return {one["code"]: one["total"] for one in client.read("/functions", **YEAR | when)["items"]}


def test_a_year_in_the_life_of_clusters(operator: Client, manager: Client, auditor: Client) -> None:
    def done(code: str, path: str, **said: Any) -> dict[str, Any]:
        return operator.done(f"/clusters/{code}/{path}", document=PAPER, **said)

    # An idea: a prospective cluster, whose potential is assessed before anybody signs.
    operator.done(
        "/clusters",
        code="creative",
        title="Креативный кластер",
        production=False,
        proposed_on="2021-01-15",
        kind="creative",
    )
    done(
        "creative",
        "assessments",
        title="Анализ потенциала",
        assessed_on="2021-02-10",
        function="FN.а",
        score=68,
        conclusion="Кластер может быть создан",
    )
    prospective = auditor.read("/clusters", **YEAR, status="proposed")["items"]
    assert [(one["code"], one["kind"]) for one in prospective] == [("creative", "creative")]
    assert auditor.figures(**YEAR)["clusters"] == 0

    # It is formed, takes members, and is discussed in public; the programme goes through two versions.
    operator.done(
        "/clusters/creative/formation",
        formed_on="2021-03-01",
        agreement={"number": "7", "date": "2021-03-01"},
    )
    studio, printer, who = firm(operator, 1), firm(operator, 2), ready_firm(operator, 3)
    for member in (studio, printer, who):
        operator.done(f"/participants/{member}/memberships", cluster="creative", joined_on="2021-03-01")
    session = done(
        "creative",
        "activities",
        title="Стратегическая сессия",
        held_on="2021-03-20",
        function="FN.н",
        kind="public-discussion",
        participants=[studio, printer],
        attendees=34,
    )
    programme = {"title": "Программа развития", "kind": "programme", "approved_by": "Совет кластера"}
    done(
        "creative",
        "programmes",
        **programme,
        approved_on="2021-04-01",
        function="FN.б",
        version=1,
        first_year=2021,
        last_year=2023,
    )
    done(
        "creative",
        "programmes",
        **programme,
        approved_on="2021-11-01",
        function="FN.д",
        version=2,
        first_year=2022,
        last_year=2024,
    )
    problem(
        operator.post(
            "/clusters/creative/programmes",
            **programme,
            approved_on="2021-12-01",
            function="FN.б",
            version=2,
            document=PAPER,
        ),
        409,
        "version-taken",
    )

    # Shared equipment, a brand, an investment project, a chain with another region that comes to its end.
    done(
        "creative",
        "equipment",
        title="Студия звука",
        approved_on="2021-05-01",
        function="FN.в",
        items=[
            {"name": "Пульт", "quantity": 2, "cost_kopecks": 30_000_000},
            {"name": "Монтаж", "software": True},
        ],
        owner="АНО «ККЦРБ МКК»",
    )
    done(
        "creative",
        "brands",
        title="Сделано в Сибири",
        registered_on="2021-05-20",
        function="FN.з",
        registry_number="812345",
    )
    done(
        "creative",
        "projects",
        title="Творческий квартал",
        launched_on="2021-06-01",
        function="FN.г",
        kind="investment",
    )
    done(
        "creative",
        "projects",
        title="Альманах двух регионов",
        launched_on="2021-06-15",
        function="FN.ж",
        kind="interregional",
        participants=[studio, printer],
        partners=[{"name": "Центр кластерного развития", "region": "Томская область"}],
        chain=[
            {"supplier": studio, "consumer": printer, "what": "макет"},
            {"supplier": printer, "consumer": "Центр кластерного развития", "what": "тираж"},
        ],
    )
    operator.done(
        "/clusters/creative/projects/end",
        title="Альманах двух регионов",
        finished_on="2021-11-20",
        result="Издан",
    )
    (project,) = auditor.read("/clusters/creative/life", **YEAR, function="FN.ж")["items"]
    assert (project["finished"]["result"], len(project["record"]["chain"])) == ("Издан", 2)

    # What else the centre does, for the cluster and for no single one.
    for day, function, kind, title in (
        ("2021-07-01", "FN.л", "webinar", "Вебинар о грантах"),
        ("2021-07-02", "FN.п", "ip-awareness", "Авторское право"),
        ("2021-07-03", "FN.р", "supplier-growing", "«Выращивание» поставщиков"),
        ("2021-07-04", "FN.с", "promotion", "Передача об услугах центра"),
        ("2021-07-05", "FN.и", "cooperation", "Встреча участников проектов"),
        ("2021-07-06", "FN.к", "exhibition", "Проекты с университетом"),
        ("2021-07-07", "FN.о", "round-table", "Отбор исполнителей услуг"),
    ):
        done("creative", "activities", title=title, held_on=day, function=function, kind=kind, attendees=9)
    operator.done(
        "/roadmap/10/reports", period="2021", done_on="2021-09-01", result="Двое обучены", function="FN.м"
    )
    case = complex_case(operator, who, "creative", "SVC.в", "SVC.ж")
    for component in (1, 2):
        accept(operator, case, component)
    operator.done(
        f"/participants/{who}/follow-ups", case_id=case, month="2021-06", headcount=5, sales_kopecks=1
    )

    # Every function of the concept has something, and each thing leads back to its record.
    every = recorded(auditor)
    assert list(every) == [f"FN.{letter}" for letter in "абвгдежзиклмнопрст"]
    assert min(every.values()) > 0
    assert every["FN.е"] == 2
    (discussed,) = auditor.read("/functions/FN.н", **YEAR)["items"]
    assert discussed["event_id"] == session["events"][0]["event_id"]
    assert auditor.read(f"/events/{discussed['event_id']}")["type"] == "cluster.activity-held"

    # The list of those who came was wrong; then it turns out that the session was not held at all.
    before = auditor.read("/functions", **YEAR)["meta"]["known_position"]
    amending = {"event_id": session["events"][0]["event_id"], "reason": "Ошибка"}
    operator.done("/clusters/creative/corrections", **amending, replacement={"attendees": 31})
    (session_now,) = auditor.read("/clusters/creative/life", **YEAR, function="FN.н")["items"]
    assert session_now["record"]["attendees"] == 31
    operator.done("/clusters/creative/corrections", **amending, void=True)
    assert recorded(auditor)["FN.н"] == 0
    assert recorded(auditor, known_position=before)["FN.н"] == 1

    # At the end of the year the cluster becomes an association, and goes on counting.
    operator.done("/clusters/creative/reorganisation", into="association", reorganised_on="2021-12-20")
    assert auditor.read("/clusters/creative", **YEAR)["status"] == "reorganised"
    assert auditor.figures(**YEAR)["clusters"] == 1
    assert told(auditor, "creative", as_of="2021-03-31") == [
        ("2021-02-10", "assessment", "Анализ потенциала")
    ]


def test_an_association_that_the_centre_only_knows_of(operator: Client, auditor: Client) -> None:
    before = auditor.figures(**YEAR)
    operator.done(
        "/clusters",
        code="zheleznogorsk",
        title="Кластер инновационных технологий ЗАТО г. Железногорск",
        production=True,
        proposed_on="2013-02-05",
        kind="innovation",
        curated=False,
    )
    operator.done(
        "/clusters/zheleznogorsk/formation",
        formed_on="2013-04-16",
        agreement={"number": "1", "date": "2013-04-16"},
    )
    operator.done("/clusters/zheleznogorsk/reorganisation", into="association", reorganised_on="2013-09-03")
    member = firm(operator, 20, "zheleznogorsk")
    for path, said in (
        ("jobs-reports", {"headcount": 40, "jobs_created": 12}),
        ("sales-reports", {"amount_kopecks": 5_000_000_00}),
    ):
        operator.done(f"/participants/{member}/{path}", quarter="2021-Q1", evidence="Письмо", **said)
    assert auditor.figures(**YEAR) == before
    known = auditor.read("/clusters/zheleznogorsk", **YEAR)
    assert (known["status"], known["curated"], known["active"]) == ("reorganised", False, True)
    operator.done(
        f"/participants/{member}/memberships", cluster="creative", joined_on="2021-06-01"
    )  # of a cluster that the centre curates
    after = auditor.figures(**YEAR)
    assert (after["jobs_created"], after["sales"]) == (before["jobs_created"] + 12, before["sales"] + 5_000)
