"""The stand-alone script: short, of the standard library alone, and right about signatures, logs and their faults."""

import ast
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import psycopg
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from store.commands import begin

from ckr_es.audit import verify_log
from ckr_es.audit.folder import Folder
from ckr_es.audit.notary import ROLE, Notary
from ckr_es.store.database import Database
from ckr_es.store.door import append
from ckr_es.store.log import export_page

SCRIPT = Path(verify_log.__file__)
# RFC 8032, section 7.1: secret key is not needed to verify (public key, message, signature)
VECTORS = [
    (
        "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
        "",
        "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b",
    ),
    (
        "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c",
        "72",
        "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00",
    ),
    (
        "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025",
        "af82",
        "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a",
    ),
]


@pytest.fixture(scope="module")
def home(database: Database, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What an auditor takes to another machine."""
    home = tmp_path_factory.mktemp("auditor")
    folder = Folder(home / "notary")
    with (
        psycopg.connect(database.conninfo("ckr_app"), autocommit=True) as door,
        psycopg.connect(database.conninfo(ROLE), autocommit=True) as eyes,
        Notary(folder) as notary,
    ):
        for events in (5, 8):
            append(door, [begin() for _ in range(events)])
            notary.sign(eyes)
        append(door, [begin()])  # signed by nobody
        (home / "events.ndjson").write_bytes(b"".join(line for _, line in export_page(door, 0)))
    shutil.copy(SCRIPT, home)
    return home


def run(home: Path, *arguments: str) -> tuple[int, str]:
    """With nothing of ours to import."""
    program = [sys.executable, "-I", "verify_log.py", *arguments]
    done = subprocess.run(program, cwd=home, capture_output=True, text=True, check=False, env={**os.environ})
    return done.returncode, done.stdout + done.stderr


NOTES = ("--checkpoint", "notary/checkpoints/000000000005", "notary/checkpoint")
KEY = ("--key", "notary/key.pub")
LEAVES = ("--leaves", "notary/leaves")


def lines(home: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (home / "events.ndjson").read_text().splitlines()]


def changed(home: Path, entries: list[dict[str, Any]]) -> str:
    path = home / "changed.ndjson"
    path.write_text("".join(json.dumps(entry, ensure_ascii=False) + "\n" for entry in entries))
    return path.name


def test_it_is_short_and_imports_the_standard_library_alone() -> None:
    text = SCRIPT.read_text()
    assert len(text.splitlines()) < 150
    imported = {
        name.name if isinstance(node, ast.Import) else node.module
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.Import | ast.ImportFrom)
        for name in node.names
    }
    assert {str(name).split(".")[0] for name in imported} <= sys.stdlib_module_names


@pytest.mark.parametrize(("public", "text", "signature"), VECTORS)
def test_signatures_of_the_rfc(public: str, text: str, signature: str) -> None:
    told = bytes.fromhex(signature)
    assert verify_log.signed(bytes.fromhex(public), bytes.fromhex(text), told)
    assert not verify_log.signed(bytes.fromhex(public), b"x", told)
    large = told[:32] + (int.from_bytes(told[32:], "little") + verify_log.L).to_bytes(32, "little")
    assert not verify_log.signed(bytes.fromhex(public), bytes.fromhex(text), large)  # malleable


def test_signatures_agree_with_a_library_of_cryptography() -> None:
    for n in range(20):
        key = Ed25519PrivateKey.from_private_bytes(bytes([n]) * 32)
        signature = key.sign(b"text")
        assert verify_log.signed(key.public_key().public_bytes_raw(), b"text", signature)
        other = Ed25519PrivateKey.from_private_bytes(bytes([n + 100]) * 32).public_key().public_bytes_raw()
        assert not verify_log.signed(other, b"text", signature)


def test_an_untouched_log_passes_with_or_without_the_leaves(home: Path) -> None:
    assert run(home, "events.ndjson", *KEY, *NOTES) == (0, "Журнал цел\n")
    assert run(home, "events.ndjson", *KEY, *NOTES, *LEAVES) == (0, "Журнал цел\n")


def test_without_what_it_needs_it_says_so(home: Path) -> None:
    for arguments in (("absent.ndjson", *KEY, *NOTES), ("events.ndjson", "--key", "absent", *NOTES), ()):
        code, said = run(home, *arguments)
        assert code == 2, said


def test_a_change_is_located_between_two_checkpoints_and_exactly_by_the_leaves(home: Path) -> None:
    entries = lines(home)
    entries[6]["actor"] = "nobody"
    e = entries[6]
    e["leaf"] = _leaf(e)
    name = changed(home, entries)
    code, said = run(home, name, *KEY, *NOTES)
    assert (code, said.splitlines()[1:]) == (
        1,
        ["позиции 6–13: корень не тот, что в контрольной точке notary/checkpoint"],
    )
    code, said = run(home, name, *KEY, *NOTES, *LEAVES)
    assert code == 1
    assert "позиция 7: не та запись, что подписана" in said


def _leaf(entry: dict[str, Any]) -> str:
    from ckr_es.store.ledger import leaf

    names = ("position", "stream_id", "stream_version", "type", "recorded_at", "actor", "command_key", "body")
    return leaf(*(entry[name] for name in names)).hex()


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda e: e.pop(3), "позиция 4: вместо неё идёт 5"),
        (lambda e: e.insert(3, e[3]), "позиция 5: вместо неё идёт 4"),
        (lambda e: e.__delitem__(slice(4, None)), "позиция 5: журнал кончается"),
        (lambda e: e[3].update(position="4"), "позиция 4:"),
        (lambda e: e[3].update(actor="a\nb"), "позиция 4: запись не та"),
        (lambda e: e[3].update(stream_version=None), "позиция 4: строка не читается"),
        (lambda e: e[3].pop("body"), "позиция 4: строка не читается"),
        (lambda e: e[3].update(leaf="00"), "позиция 4: запись не та"),
        (lambda e: e[3].update(recorded_at=e[0]["recorded_at"]), "позиция 4: время записи"),
    ],
)
def test_each_fault_has_its_position(home: Path, change: Any, said: str) -> None:
    entries = lines(home)
    change(entries)
    code, told = run(home, changed(home, entries), *KEY, *NOTES)
    assert code == 1, told
    assert said in told


def test_what_nobody_signed_is_not_vouched_for(home: Path) -> None:
    """The last event is newer than the last checkpoint: this is the one thing that is not promised."""
    entries = lines(home)
    entries[13]["actor"] = "nobody"
    entries[13]["leaf"] = _leaf(entries[13])
    assert run(home, changed(home, entries), *KEY, *NOTES)[0] == 0


def test_leaves_of_another_log_are_not_believed(home: Path) -> None:
    content = bytearray((home / "notary/leaves").read_bytes())
    content[0] ^= 1
    (home / "other").write_bytes(content)
    code, said = run(home, "events.ndjson", *KEY, *NOTES, "--leaves", "other")
    assert (code, "им не пользуюсь" in said) == (1, True)
