"""The append door, spoken to directly: what it records, what it refuses, and that neighbours do not suffer."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, timedelta
from hashlib import sha256
from itertools import pairwise
from typing import Any
from uuid import uuid4

import psycopg
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from psycopg.rows import dict_row
from store.commands import BODY, begin, command, row

from ckr_es.store.database import Database
from ckr_es.store.door import (
    CALL,
    Command,
    Erasure,
    Guard,
    Identity,
    Outcome,
    _columns,
    append,
)
from ckr_es.store.prepared import ints

Conn = psycopg.Connection[Any]


def connect(database: Database, role: str = "ckr_app") -> Conn:
    return psycopg.connect(database.conninfo(role), autocommit=True)


@pytest.fixture
def door(database: Database) -> Iterator[Conn]:
    with connect(database) as conn:
        yield conn


def one(door: Conn, command: Command) -> Outcome:
    [outcome] = append(door, [command])
    return outcome


def head(door: Conn) -> int:
    return door.execute("select coalesce(max(position), 0) from ckr.event").fetchone()[0]


def events(door: Conn, command: Command) -> list[dict[str, Any]]:
    query = "select *, body::text as text from ckr.event where command_key = %s order by position"
    return door.cursor(row_factory=dict_row).execute(query, (command.key,)).fetchall()


def test_what_was_given_is_what_lies_in_the_log(door: Conn) -> None:
    stream, about, cause, before = uuid4(), uuid4(), uuid4(), head(door)
    spaced = '{ "type" : "test.happened",\n "сумма": 1.50, "twice": 1, "twice": 2 }'
    given = row(stream, 1, spaced.encode(), participant_id=about, causation_id=cause)
    c = command(given, expected=((stream, 0),))

    outcome = one(door, c)

    [e] = events(door, c)
    assert (outcome.kind, outcome.first_position, outcome.last_position) == (
        "recorded",
        before + 1,
        before + 1,
    )
    assert (e["position"], e["event_id"], e["stream_id"]) == (before + 1, given.event_id, stream)
    assert (e["stream_version"], e["type"], e["text"]) == (1, "test.happened", spaced)
    assert (e["actor"], e["role"], e["command_key"]) == ("staff-1", "operator", c.key)
    assert (e["correlation_id"], e["causation_id"]) == (c.correlation_id, cause)
    assert (e["effective_on"], e["participant_id"]) == (date(2021, 4, 5), about)
    assert (e["recorded_at"], (e["leaf"],)) == (outcome.recorded_at, outcome.leaves)


def test_the_leaf_is_the_contracts_formula(door: Conn) -> None:
    stream = uuid4()
    bodies = [BODY, b"{}", '{"x": "\\n \\" тире — 😀"}'.encode()]
    c = command(*(row(stream, n, body) for n, body in enumerate(bodies, 1)), actor="сотрудник 7")

    outcome = one(door, c)

    leaves = []
    for e, body in zip(events(door, c), bodies, strict=True):
        at = e["recorded_at"].astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        digest = sha256(body).hexdigest()
        lines = [
            "v1",
            e["position"],
            stream,
            e["stream_version"],
            "test.happened",
            at,
            "сотрудник 7",
            c.key,
            digest,
        ]
        leaves.append(sha256(b"\0" + "".join(f"{line}\n" for line in lines).encode()).digest())
    assert list(outcome.leaves) == leaves == [e["leaf"] for e in events(door, c)]


def test_positions_have_no_gaps_and_time_always_advances(door: Conn) -> None:
    stream = uuid4()
    append(door, [command(*(row(stream, n) for n in range(1, 51))), *(begin() for _ in range(20))])
    one(door, begin())
    log = door.execute("select position, recorded_at from ckr.event order by position").fetchall()
    assert [position for position, _ in log] == list(range(1, len(log) + 1))
    times = [at for _, at in log]
    assert all(a < b for a, b in pairwise(times))


def test_many_writers_make_one_log(database: Database) -> None:
    def write(_: int) -> list[Outcome]:
        with connect(database) as door:
            return [o for _ in range(20) for o in append(door, [begin() for _ in range(5)])]

    with ThreadPoolExecutor(8) as pool:
        outcomes = [o for found in pool.map(write, range(8)) for o in found]

    assert {o.kind for o in outcomes} == {"recorded"}
    with connect(database) as door:
        log = door.execute("select position, recorded_at from ckr.event order by position").fetchall()
    assert [position for position, _ in log] == list(range(1, len(log) + 1))
    assert [at for _, at in log] == sorted({at for _, at in log})


def test_a_known_key_gets_its_answer_and_another_request_under_it_is_refused(door: Conn) -> None:
    first = begin(key="known key")
    recorded = one(door, first)
    before = head(door)

    again = one(door, begin(key="known key"))
    other = one(door, begin(key="known key", request_hash=b"another request"))

    assert again.kind == "known"
    assert (again.first_position, again.recorded_at, again.leaves) == (
        recorded.first_position,
        recorded.recorded_at,
        recorded.leaves,
    )
    assert (other.kind, other.first_position) == ("reused", None)
    assert head(door) == before


def test_the_very_same_submission_is_recorded_once_and_hears_so_again(door: Conn) -> None:
    c = command(row(stream := uuid4(), 1), row(stream, 2))
    assert one(door, c) == one(door, c)
    assert len(events(door, c)) == 2


def test_one_key_twice_in_a_batch_is_recorded_once(door: Conn) -> None:
    batch = [begin(key="twin"), begin(), begin(key="twin"), begin(key="twin", request_hash=b"another")]
    assert [o.kind for o in append(door, batch)] == ["recorded", "recorded", "known", "reused"]
    assert len(events(door, batch[0])) == 1


def test_a_stream_that_moved_on_is_a_conflict_and_neighbours_are_recorded(door: Conn) -> None:
    stream, read = uuid4(), uuid4()
    append(door, [begin(stream), begin(read)])

    late, reader, fine = append(
        door,
        [
            begin(stream),
            command(row(uuid4(), 1), expected=((read, 0),)),
            command(row(stream, 2), expected=((stream, 1), (read, 1))),
        ],
    )

    assert (late.kind, late.conflict_stream, late.actual_version) == ("conflict", stream, 1)
    assert (reader.kind, reader.conflict_stream, reader.actual_version) == ("conflict", read, 1)
    assert fine.kind == "recorded"


def test_a_stream_that_is_not_there_is_a_conflict_for_who_expects_it(door: Conn) -> None:
    outcome = one(door, command(row(uuid4(), 1), expected=((missing := uuid4(), 3),)))
    assert (outcome.kind, outcome.conflict_stream, outcome.actual_version) == ("conflict", missing, None)


def test_commands_of_a_batch_are_judged_against_those_before_them(door: Conn) -> None:
    stream = uuid4()
    batch = [
        begin(stream),
        begin(stream),
        command(row(stream, 2), expected=((stream, 1),)),
        command(row(stream, 3), expected=((stream, 1),)),
        command(row(stream, 3), expected=((stream, 2),)),
    ]
    kinds = [o.kind for o in append(door, batch)]
    assert kinds == ["recorded", "conflict", "recorded", "conflict", "recorded"]


# What a command says of four streams; some say the same key, and most could be recorded.
STREAMS, KEYS = st.integers(0, 3), st.integers(0, 7)
GIVEN = st.fixed_dictionaries(
    {
        "key": KEYS,
        "request": st.sampled_from([0, 0, 0, 1]),
        "expected": st.lists(st.tuples(STREAMS, st.sampled_from([0, 0, 1, 1, -1])), max_size=1),
        "rows": st.lists(st.tuples(STREAMS, st.sampled_from([1, 1, 1, 2, 2, 0, 3])), min_size=1, max_size=2),
        "guarded": st.sampled_from([False] * 5 + [True]),
        "inn": st.sampled_from([None] * 5 + [0, 1]),
    }
)


@settings(max_examples=150, deadline=None)
@given(st.lists(GIVEN, min_size=4, max_size=12), st.integers(0, 5))
def test_a_batch_is_answered_as_its_commands_one_by_one(
    database: Database, batch: list[dict[str, Any]], before: int
) -> None:
    """Only a call of many judges them by sets; the first `before` come in calls of their own both times."""

    def told(apart: int) -> list[Any]:
        streams, keys, firm = [uuid4() for _ in range(4)], [str(uuid4()) for _ in range(8)], uuid4()
        persons = [(uuid4(), f"{uuid4().int % 10**12:012}") for _ in range(2)]
        with connect(database) as door:
            start = head(door)
            commands = [
                command(
                    *(row(streams[s], v, participant_id=firm) for s, v in one["rows"]),
                    key=keys[one["key"]],
                    request_hash=b"%d" % one["request"],
                    expected=tuple((streams[s], v) for s, v in one["expected"]),
                    guard=Guard(after=start, participant_id=firm) if one["guarded"] else None,
                    identity=None
                    if one["inn"] is None
                    else identity(persons[one["inn"]][1], participant_id=uuid4()),
                )
                for one in batch
            ]
            outcomes = [outcome for c in commands[:apart] for outcome in append(door, [c])]
            outcomes += append(door, commands[apart:]) if commands[apart:] else []
            log = door.execute(
                "select position, stream_id, stream_version, command_key, leaf from ckr.event"
                " where position > %s order by position",
                (start,),
            ).fetchall()
            kept = door.execute("select key from ckr.command where key = any (%s)", (keys,)).fetchall()
        assert [leaf for o in outcomes if o.kind == "recorded" for leaf in o.leaves] == [r[4] for r in log]
        return [
            [
                (
                    o.kind,
                    o.first_position and o.first_position - start,
                    o.last_position and o.last_position - start,
                    streams.index(o.conflict_stream)
                    if o.conflict_stream in streams
                    else o.conflict_stream is None,
                    o.actual_version,
                )
                for o in outcomes
            ],
            [(r[0] - start, streams.index(r[1]), r[2], keys.index(r[3])) for r in log],
            sorted(keys.index(key) for (key,) in kept),
        ]

    assert told(before) == told(len(batch))


def test_a_refused_command_leaves_no_trace_for_the_next_one(door: Conn) -> None:
    a, b = uuid4(), uuid4()
    one(door, begin(b))
    half = command(row(a, 1), row(a, 2), row(b, 1))  # right for a, wrong for b
    refused, recorded = append(door, [half, begin(a)])
    assert (refused.kind, refused.conflict_stream) == ("conflict", b)
    assert recorded.kind == "recorded"
    assert events(door, half) == []


@pytest.mark.parametrize(
    ("versions", "expected", "kind"),
    [
        ([0, 1, 2], -1, "recorded"),
        ([0, 1], 0, "recorded"),
        ([1, 2], -1, "recorded"),
        ([1, 2], 0, "recorded"),
        ([2], 0, "conflict"),
        ([1, 3], 0, "conflict"),
        ([1, 1], 0, "conflict"),
        ([2, 1], 0, "conflict"),
        ([1], 1, "conflict"),
    ],
)
def test_a_new_stream_begins_at_0_or_1_and_has_no_gaps(
    door: Conn, versions: list[int], expected: int, kind: str
) -> None:
    stream = uuid4()
    c = command(*(row(stream, v) for v in versions), expected=((stream, expected),))
    assert one(door, c).kind == kind


def test_a_stream_that_stands_at_0_is_not_a_missing_one(door: Conn) -> None:
    stream = uuid4()
    one(door, command(row(stream, 0), expected=((stream, -1),)))
    assert one(door, command(row(stream, 1), expected=((stream, -1),))).kind == "conflict"
    assert one(door, command(row(stream, 1), expected=((stream, 0),))).kind == "recorded"


def test_a_guard_sees_what_came_after_the_decision_was_made(door: Conn) -> None:
    after, firm = head(door), uuid4()
    seen = command(row(stream := uuid4(), 1, type="test.joined", participant_id=firm))
    one(door, seen)

    def guarded(**guard: Any) -> Outcome:
        return one(door, begin(guard=Guard(**({"after": after} | guard))))

    assert (guarded().kind, guarded().conflict_stream, guarded().actual_version) == ("conflict", stream, 1)
    assert guarded(types=("test.joined", "test.left")).kind == "conflict"
    assert guarded(participant_id=firm).kind == "conflict"
    assert guarded(types=("test.left",)).kind == "recorded"
    assert guarded(participant_id=uuid4()).kind == "recorded"
    assert guarded(types=("test.left",), participant_id=firm).kind == "recorded"
    assert guarded(after=head(door)).kind == "recorded"


def test_a_guard_sees_its_neighbours_in_the_batch(door: Conn) -> None:
    firm, after = uuid4(), head(door)
    guard = Guard(after=after, participant_id=firm)
    joins = [command(row(uuid4(), 1, participant_id=firm), guard=guard) for _ in range(3)]
    assert [o.kind for o in append(door, joins)] == ["recorded", "conflict", "conflict"]


def test_an_answer_without_events_is_kept_under_its_key(door: Conn) -> None:
    before = head(door)
    c = command(answer='{"events":[]}', status=200)
    first, again = one(door, c), one(door, c)
    assert (first.kind, first.first_position, first.leaves) == ("recorded", None, ())
    assert (again.kind, again.first_position, again.recorded_at) == ("known", None, first.recorded_at)
    stored = door.execute("select status, answer from ckr.command where key = %s", (c.key,)).fetchone()
    assert stored == (200, '{"events":[]}')
    assert head(door) == before


def test_a_command_that_nothing_could_answer_is_refused(door: Conn) -> None:
    with pytest.raises(psycopg.errors.CheckViolation, match="answerable"):
        one(door, command())


def identity(inn: str | None, fields: str = '{"name": "Ёлкин"}', **changes: Any) -> Identity:
    known: dict[str, Any] = {"participant_id": uuid4(), "salt": b"s" * 32, "commitment": b"c" * 32}
    return Identity(inn=inn, fields=fields.encode(), **(known | changes))


def test_identity_is_kept_replaced_and_erased_beside_the_log(door: Conn) -> None:
    query = "select inn, fields::text, salt, commitment from ckr.identity where participant_id = %s"
    who = identity("246500000001")
    one(door, begin(identity=who))
    assert door.execute(query, (who.participant_id,)).fetchone() == (
        "246500000001",
        '{"name": "Ёлкин"}',
        b"s" * 32,
        b"c" * 32,
    )
    one(
        door,
        begin(identity=identity("246500000002", "{}", participant_id=who.participant_id, salt=b"t" * 32)),
    )
    assert door.execute(query, (who.participant_id,)).fetchone()[:3] == ("246500000002", "{}", b"t" * 32)

    assert one(door, begin(identity=Erasure(who.participant_id))).kind == "recorded"
    assert door.execute(query, (who.participant_id,)).fetchone() is None


def test_an_inn_of_another_participant_is_a_conflict_that_names_it(door: Conn) -> None:
    holder = identity("246500000003")
    taken = begin(identity=identity("246500000003"))
    outcomes = append(door, [begin(identity=holder), taken, begin(identity=identity(None))])
    assert [o.kind for o in outcomes] == ["recorded", "conflict", "recorded"]
    assert (outcomes[1].conflict_stream, outcomes[1].actual_version) == (holder.participant_id, None)
    assert events(door, taken) == []


def test_a_batch_rings_once_with_the_last_position(door: Conn, database: Database) -> None:
    with connect(database, "ckr_reader") as listener:
        listener.execute("listen ckr_events")
        append(door, [begin(), begin()])
        one(door, command(answer="no news"))
        rung = [n.payload for n in listener.notifies(timeout=0.2)]
    assert rung == [str(head(door))]


@pytest.mark.parametrize("changes", [{"actor": "two\nlines"}, {"key": "two\nlines"}])
def test_a_field_of_the_leaf_holds_no_newline(door: Conn, changes: dict[str, str]) -> None:
    with pytest.raises(psycopg.errors.CheckViolation, match="no_newline"):
        one(door, begin(**changes))


def test_a_snapshot_older_than_the_lock_is_refused(door: Conn) -> None:
    door.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
    with pytest.raises(psycopg.errors.InvalidTransactionState), door.transaction():
        append(door, [begin()])


def test_events_that_name_no_command_of_the_batch_are_refused(door: Conn) -> None:
    columns = _columns([command(row(stream := uuid4(), 1), row(stream, 2))])
    columns[16] = ints([1, 2])
    CALL.send(door, columns)
    with pytest.raises(psycopg.errors.InvalidParameterValue):
        CALL.rows(door)


def test_a_careless_session_commits_durably_all_the_same(door: Conn) -> None:
    door.execute("set synchronous_commit = off")
    with door.transaction():
        append(door, [begin()])
        assert door.execute("show synchronous_commit").fetchone()[0] == "on"


def test_time_does_not_follow_a_clock_that_was_set_back(door: Conn, database: Database) -> None:
    last = one(door, begin())
    with psycopg.connect(database.admin_conninfo()) as admin:
        admin.execute("alter table ckr.event disable trigger refuse_unless_door")
        admin.execute(
            "insert into ckr.event select position + 1, gen_random_uuid(), gen_random_uuid(), 1, type, body,"
            " recorded_at + interval '1 hour', actor, role, correlation_id, null, command_key, effective_on, null, leaf"
            " from ckr.event where position = %s",
            (last.last_position,),
        )
        admin.execute("alter table ckr.event enable always trigger refuse_unless_door")
    outcome = one(door, begin())
    assert last.recorded_at is not None
    assert outcome.recorded_at == last.recorded_at + timedelta(hours=1, microseconds=1)


def test_auditors_read_the_log_and_its_corrections_as_views(door: Conn, database: Database) -> None:
    stream, target = uuid4(), uuid4()
    void = f'{{"type":"test.voided","voids":"{target}","reason":"ошибка","late_reason":"поздно"}}'
    fix = f'{{"type":"test.corrected","corrects":"{target}","reason":"опечатка"}}'
    one(
        door,
        command(row(stream, 1, fix.encode(), "test.corrected"), row(stream, 2, void.encode(), "test.voided")),
    )
    with connect(database, "ckr_reader") as auditor:
        query = "select kind, reason, late_reason from ckr.correction where target = %s order by position"
        found = auditor.execute(query, (target,)).fetchall()
        [log] = auditor.execute(
            "select leaf, body::text from ckr.log order by position desc limit 1"
        ).fetchall()
    assert found == [("corrected", "опечатка", None), ("voided", "ошибка", "поздно")]
    assert (len(log[0]), log[1]) == (64, void)
