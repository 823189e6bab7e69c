"""Проверка выгруженного журнала на чужой машине: нужен только Python 3.11 или новее, больше ничего.

    python verify_log.py events.ndjson --key key.pub --checkpoint checkpoint [ещё …] [--leaves leaves]

Ключ и контрольные точки берите свои, сохранённые раньше. С файлом leaves (хеши нотариуса) место названо точно, без него
иногда лишь «между двумя точками». Код выхода: 0 — журнал цел, 1 — не цел, 2 — проверить нельзя. Хеш записи охватывает
позицию, поток, версию, вид, время записи, автора, ключ команды и тело, но не event_id; записи после точки не подписаны.
"""

import argparse
import base64
import json
import re
import sys
from collections.abc import Iterable
from functools import reduce
from hashlib import sha256, sha512

P, L = 2**255 - 19, 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, -1, P) % P


def add(a: tuple[int, ...], b: tuple[int, ...]) -> tuple[int, ...]:  # RFC 8032, section 5.1.4
    e, f = (a[1] - a[0]) * (b[1] - b[0]) % P, (a[1] + a[0]) * (b[1] + b[0]) % P
    g, h = 2 * a[3] * b[3] * D % P, 2 * a[2] * b[2] % P
    e, f, g, h = f - e, h - g, h + g, f + e
    return e * f % P, g * h % P, f * g % P, e * h % P


def times(n: int, point: tuple[int, ...]) -> tuple[int, ...]:
    half = times(n // 2, add(point, point)) if n else (0, 1, 1, 0)
    return add(half, point) if n & 1 else half


def point(raw: bytes) -> tuple[int, ...]:
    y, sign = int.from_bytes(raw, "little") & (1 << 255) - 1, raw[31] >> 7
    square = (y * y - 1) * pow(D * y * y + 1, -1, P) % P
    x = pow(square, (P + 3) // 8, P)
    x = x if (x * x - square) % P == 0 else x * pow(2, (P - 1) // 4, P) % P
    if y >= P or (x * x - square) % P or (x == 0 and sign):
        raise ValueError("не точка кривой")
    x = P - x if x & 1 != sign else x
    return x, y, 1, x * y % P


def signed(public: bytes, text: bytes, signature: bytes) -> bool:  # RFC 8032, section 5.1.7
    base = point((4 * pow(5, -1, P) % P).to_bytes(32, "little"))
    s, k = int.from_bytes(signature[32:], "little"), sha512(signature[:32] + public + text).digest()
    left, a = times(s % L, base), times(int.from_bytes(k, "little") % L, point(public))
    right = add(point(signature[:32]), a)
    return s < L and all((left[i] * right[2] - right[i] * left[2]) % P == 0 for i in (0, 1))


def opened(note: str, key: str) -> tuple[int, bytes]:  # C2SP tlog-checkpoint: size and root
    name, _, encoded = key.strip().split("+", 2)
    raw = base64.b64decode(encoded)
    text, _, signatures = note.partition("\n\n")
    form = re.fullmatch(r"(.+)\n(\d+)\n(\S{44})", text)
    told = map(base64.b64decode, re.findall(f"^— {re.escape(name)} (\\S+)$", signatures, re.MULTILINE))
    mine = [s[4:] for s in told if s[:4] == sha256(f"{name}\n".encode() + raw).digest()[:4]]
    if not form or form[1] != name or not any(signed(raw[1:], f"{text}\n".encode(), s) for s in mine):
        raise ValueError("изменена, не по форме или подписана другим ключом")
    return int(form[2]), base64.b64decode(form[3])


def grow(edge: list[tuple[int, bytes]], leaf: bytes) -> None:  # RFC 6962, section 2.1
    height = 0
    while edge and edge[-1][0] == height:
        leaf, height = sha256(b"\1" + edge.pop()[1] + leaf).digest(), height + 1
    edge.append((height, leaf))


def root(edge: list[tuple[int, bytes]]) -> bytes:
    return reduce(lambda right, left: sha256(b"\1" + left + right).digest(), (hash for _, hash in edge[::-1]))


def check(lines: Iterable[bytes], notes: dict[str, str], key: str, leaves: bytes = b"") -> list[str]:
    """Что не так и где; пусто, если журнал цел. `notes` — контрольные точки по именам файлов."""
    found: list[str] = []
    points: dict[int, list[tuple[bytes, str]]] = {}
    for name, note in notes.items():
        try:
            size, top = opened(note, key)
            points.setdefault(size, []).append((top, name))
        except (ValueError, IndexError) as error:
            found.append(f"контрольная точка {name}: {error}")
    edge: list[tuple[int, bytes]] = []
    trusted = good = at = 0
    for n in range(1, min(len(leaves) // 32, max(points, default=0)) + 1):
        grow(edge, leaves[32 * n - 32 : 32 * n])
        trusted = n if n in points and root(edge) in dict(points[n]) else trusted
    if leaves and not trusted:
        found.append("файл хешей (leaves) не от этих контрольных точек: им не пользуюсь")
    edge, last, whole = [], "", True
    for line in lines:
        at += 1
        try:
            e = json.loads(line)
            texts = [e[name] for name in ("stream_id", "type", "recorded_at", "actor", "command_key")]
            position, version, body = e["position"] + 0, e["stream_version"] + 0, sha256(e["body"].encode())
            fields = ("v1", position, texts[0], version, *texts[1:], body.hexdigest())
            leaf = sha256(b"\0" + "".join(f"{field}\n" for field in fields).encode()).digest()
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            found.append(f"позиция {at}: строка не читается ({error!r})")
            whole = False
            continue
        if position != at:
            found.append(f"позиция {at}: вместо неё идёт {position}")
            at, whole = position, False
        if leaf.hex() != e.get("leaf") or "\n" in "".join(texts):
            found.append(f"позиция {at}: запись не та, от которой её хеш")
        if whole and at <= trusted and leaf != leaves[32 * at - 32 : 32 * at]:
            found.append(f"позиция {at}: не та запись, что подписана")
        if texts[2] <= last:
            found.append(f"позиция {at}: время записи {texts[2]} не позже предыдущего")
        last = texts[2]
        grow(edge, leaf)
        for top, name in points.get(at, ()) if whole else ():
            if top != root(edge):
                found.append(f"позиции {good + 1}–{at}: корень не тот, что в контрольной точке {name}")
        good = at if whole and at in points and root(edge) in dict(points[at]) else good
    for size, stated in points.items():
        if size > at:
            found.append(f"позиция {at + 1}: журнал кончается, а в {stated[0][1]} подписано {size}")
        if len(dict(stated)) > 1:
            found.append(f"ключ подписал две разные истории размера {size}: {[name for _, name in stated]}")
    return found


if __name__ == "__main__":
    ask = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ask.add_argument("events")
    ask.add_argument("--key", required=True)
    ask.add_argument("--checkpoint", required=True, nargs="+")
    ask.add_argument("--leaves")
    given = ask.parse_args()
    try:
        texts = {name: open(name, encoding="utf-8", newline="").read() for name in given.checkpoint}
        public = open(given.key, encoding="utf-8").read()
        with open(given.events, "rb") as exported:
            wrong = check(exported, texts, public, open(given.leaves, "rb").read() if given.leaves else b"")
    except (OSError, UnicodeDecodeError) as error:
        ask.exit(2, f"Проверить нельзя: {error}\n")
    print(f"ЖУРНАЛ НЕ ЦЕЛ, находок: {len(wrong)}" if wrong else "Журнал цел", *wrong[:50], sep="\n")
    sys.exit(1 if wrong else 0)
