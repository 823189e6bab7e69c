"""The notary signs what goes on from what it signed, and nothing else; after a crash at any moment it goes on."""

import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
import pytest
from store.commands import begin

from ckr_es.audit.checkpoints import BadCheckpoint, PublicKey, Signer, parsed
from ckr_es.audit.folder import Folder
from ckr_es.audit.notary import ROLE, Busy, Inconsistent, Notary
from ckr_es.store.database import Database
from ckr_es.store.door import append
from ckr_es.store.ledger import root

Session = psycopg.Connection[tuple[Any, ...]]


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    return Folder(tmp_path / "notary")


@pytest.fixture
def eyes(database: Database) -> Iterator[Session]:
    with psycopg.connect(database.conninfo(ROLE), autocommit=True) as conn:
        yield conn


@pytest.fixture(scope="module", autouse=True)
def recorded(database: Database) -> None:
    record(database, 10)


def record(database: Database, events: int) -> None:
    with psycopg.connect(database.conninfo("ckr_app"), autocommit=True) as door:
        append(door, [begin() for _ in range(events)])


@contextmanager
def rewritten(database: Database, *statements: str) -> Iterator[Session]:
    """The log as a superuser made it, until it is undone."""
    with psycopg.connect(database.admin_conninfo()) as conn:
        conn.execute("alter table ckr.event disable trigger all")
        for statement in statements:
            conn.execute(statement.encode())
        yield conn
        conn.rollback()


def leaves(conn: Session) -> list[bytes]:
    return [hash for (hash,) in conn.execute("select leaf from ckr.event order by position")]


def test_it_signs_the_root_of_what_it_read_itself(database: Database, eyes: Session, folder: Folder) -> None:
    with Notary(folder) as notary:
        assert notary.sign(eyes)
        assert not notary.sign(eyes)  # no news
        assert folder.status().state == "running"
    known = leaves(eyes)
    key = PublicKey.read(folder.public.read_text())
    note = key.opened(folder.last.read_text())
    assert (note.size, note.root) == (len(known), root(known))
    assert folder.leaves.read_bytes() == b"".join(known)
    assert stat.S_IMODE(folder.key.stat().st_mode) == 0o600
    assert folder.status().state == "stopped"
    with Notary(folder) as notary:
        assert notary.size == len(known)
        record(database, 3)
        assert notary.sign(eyes)
    assert folder.sizes() == [len(known), len(known) + 3]
    assert key.opened(folder.note(len(known) + 3).read_text()).root == root(leaves(eyes))


def test_one_at_a_time(folder: Folder) -> None:
    with Notary(folder), pytest.raises(Busy):
        Notary(folder)
    with Notary(folder):
        pass


@pytest.mark.parametrize(
    ("statement", "position"),
    [
        ("update ckr.event set actor = 'x' where position = 4", 4),
        ("delete from ckr.event where position = 4", 4),
        ("delete from ckr.event where position > 4", 5),
        ("update ckr.event set body = '{}', leaf = sha256('x') where position = 9", 9),
        ("update ckr.event set event_id = gen_random_uuid() where position = 2", 2),
        ("update ckr.event set recorded_at = recorded_at - interval '1 microsecond' where position = 1", 1),
    ],
)
def test_it_refuses_what_contradicts_its_last_signature(
    database: Database, eyes: Session, folder: Folder, statement: str, position: int
) -> None:
    with Notary(folder) as notary:
        notary.sign(eyes)
        signed = folder.last.read_bytes()
        with rewritten(database, statement, NEWS) as conn, pytest.raises(Inconsistent) as refused:
            notary.sign(conn)
        assert refused.value.position == position
        with (
            rewritten(database, statement) as conn,
            pytest.raises(Inconsistent, match=f"позиция {position}:"),
        ):
            notary.self_check(conn)
        check = folder.self_check()
        assert check
        assert not check.ok
    status = folder.status()
    assert (status.state, status.position) == ("refused", position)
    assert folder.last.read_bytes() == signed
    assert len(folder.sizes()) == 1


NEWS = """
    insert into ckr.event
    select (select max(position) + 1 from ckr.event), gen_random_uuid(), gen_random_uuid(), 1, type, body, now(), actor,
           role, correlation_id, null, 'news', effective_on, null, leaf
    from ckr.event order by position limit 1
"""


def test_a_gap_in_what_is_new_is_not_signed(database: Database, eyes: Session, folder: Folder) -> None:
    with Notary(folder) as notary:
        with (
            rewritten(database, "delete from ckr.event where position = 3") as conn,
            pytest.raises(Inconsistent, match="позиция 3: записей здесь нет"),
        ):
            notary.sign(conn)
        assert folder.sizes() == []


def flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (lambda f: flip(f.leaves), "его корень не тот, что подписан"),
        (lambda f: f.leaves.write_bytes(f.leaves.read_bytes()[:-1]), "потерян или короче"),
        (lambda f: f.leaves.unlink(), "потерян или короче"),
        (lambda f: f.envelopes.write_bytes(b""), "потерян или короче"),
        (lambda f: flip(f.note(f.sizes()[-1])), "файл .*/checkpoints/"),
        (lambda f: f.note(f.sizes()[-1]).rename(f.note(7)), "другого размера"),
        (lambda f: f.key.unlink(), "нет ключа"),
        (lambda f: f.public.unlink(), "нет ключа"),
        (lambda f: f.public.write_text(f"{Signer.make('x').public}\n"), "не от key.pem"),
        (lambda f: f.key.write_text("x"), "ключ испорчен"),
    ],
)
def test_a_damaged_folder_signs_nothing(
    eyes: Session, folder: Folder, damage: Callable[[Folder], None], said: str
) -> None:
    with Notary(folder) as notary:
        notary.sign(eyes)
    damage(folder)
    with pytest.raises(Inconsistent, match=said):
        Notary(folder)
    assert folder.status().state == "refused"


def test_whatever_a_crash_left_half_done_is_made_good(
    database: Database, eyes: Session, folder: Folder
) -> None:
    with Notary(folder) as notary:
        notary.sign(eyes)
    size, note = folder.size(), folder.last.read_bytes()
    with folder.leaves.open("ab") as file:
        file.write(b"\0" * 50)  # written before the note, which never came
    folder.last.unlink()
    folder.last.with_name(".checkpoint.new").write_bytes(note[:20])
    with Notary(folder) as notary:
        assert (notary.size, folder.last.read_bytes()) == (size, note)
        record(database, 1)
        assert notary.sign(eyes)
        assert notary.self_check(eyes).ok is False  # bodies of these commands are of no shape of ours …
    assert folder.leaves.read_bytes() == b"".join(leaves(eyes))
    check = folder.self_check()
    assert check
    assert all("не читается" in finding for finding in check.findings)  # … and that alone is found


def test_what_the_database_says_of_itself_is_found_and_is_no_reason_not_to_sign(
    database: Database, eyes: Session, folder: Folder
) -> None:
    with Notary(folder) as notary:
        notary.sign(eyes)
        with rewritten(database, "update ckr.event set leaf = sha256('x') where position = 2") as conn:
            check = notary.self_check(conn)
        assert "позиция 2: запись не та, от которой её хеш" in check.findings
        assert folder.status().state == "running"


def test_a_note_of_another_key_or_text_is_not_opened() -> None:
    signer, other = Signer.make("ckr"), Signer.make("ckr")
    note = signer.sign(5, b"\1" * 32)
    assert signer.public.opened(note).size == 5
    assert parsed(note)[0] == signer.public.opened(note)
    assert PublicKey.read(f"{signer.public}\n") == signer.public
    for wrong in (
        other.sign(5, b"\1" * 32),
        Signer.make("x").sign(5, b"\1" * 32),
        note.replace("\n5\n", "\n6\n"),
        note.replace("\n5\n", "\n05\n"),
        note.replace("— ", "- "),
        note[:-3],
        "",
    ):
        with pytest.raises(BadCheckpoint):
            signer.public.opened(wrong)
    with pytest.raises(BadCheckpoint):
        PublicKey.read(str(signer.public).replace("ckr", "ckx"))
