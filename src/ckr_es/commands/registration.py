"""Participants by INN: what identifies a natural person goes to the vault, its commitment to the log."""

import hashlib
import secrets
from collections.abc import Callable, Sequence
from datetime import date
from typing import Any
from uuid import UUID

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from ckr_es.aggregates import participant
from ckr_es.aggregates.facts import Fact
from ckr_es.application import Answer, IdentityHeld, Request, ServiceTracking, Streams, stream_id
from ckr_es.commands.guards import (
    visible,
)
from ckr_es.rules import (
    Invalid,
    Problem,
    Refused,
    identifiers,
)
from ckr_es.store.door import Identity


class Registration(Struct, frozen=True, kw_only=True):
    """Identifiers checked and normalised; `contacts` are personal data of any kind of participant."""

    kind: participant.PartyKind
    inn: str
    name: str
    registered_on: date
    ogrn: str | None = None
    contacts: str | None = None
    late_reason: str | None = None


def register(tracking: ServiceTracking, request: Request, given: Registration) -> Answer:
    """A participant by INN. What identifies a natural person goes to the vault, its commitment to the log."""
    given = _identified(given)
    person = given.kind == "entrepreneur"
    private: dict[str, str | None] = {"contacts": given.contacts} if given.contacts else {}
    if person:
        private |= {"name": given.name, "inn": given.inn, "ogrnip": given.ogrn}
        known = tracking.recorder.participant_by_inn(given.inn)
        id = known or request.new_id
    else:
        id = stream_id("participant", given.inn)
    identity = _identity(id, given.inn if person else None, private) if private else None
    event = participant.Registered(
        kind=given.kind,
        registered_on=given.registered_on,
        inn=None if person else given.inn,
        ogrn=None if person else given.ogrn,
        name=None if person else given.name,
        identity_commitment=identity.commitment.hex() if identity else None,
        late_reason=given.late_reason,
    )

    def decide(streams: Streams) -> Sequence[Fact]:
        if streams.state(participant.KIND, id) is not None:
            return ()
        return participant.decide(None, event)

    try:
        return tracking.record(
            request, id, str(id), decide, participant_id=id, days=[event.effective_on], identity=identity
        )
    except IdentityHeld:
        return register(tracking, request, given)


def change_identity(
    tracking: ServiceTracking,
    request: Request,
    id: UUID,
    *,
    changed_on: date,
    name: str | None,
    ogrn: str | None,
    contacts: str | None,
    late_reason: str | None,
) -> Answer:
    """A new name, registration number or contacts; the INN stays for life."""
    stored = tracking.recorder.identity(id)
    before: dict[str, Any] = msgspec.json.decode(stored.fields) if stored else {}

    identity: Identity | None = None
    state = tracking.streams([id]).known(participant.KIND, id, "Участник")
    person = state.registered.kind == "entrepreneur"
    if ogrn is not None:
        ogrn = _registration_number(state.registered.kind, ogrn)
    changes = {"contacts": contacts, **({"name": name, "ogrnip": ogrn} if person else {})}
    after = before | {field: value for field, value in changes.items() if value is not None}
    if after != before:
        identity = _identity(id, stored.inn if stored else None, after)
    event = participant.IdentityChanged(
        changed_on=changed_on,
        name=None if person else name,
        ogrn=None if person else ogrn,
        identity_commitment=identity.commitment.hex() if identity else None,
        late_reason=late_reason,
    )

    def decide(streams: Streams) -> Sequence[Fact]:
        state = streams.known(participant.KIND, id, "Участник")
        visible(request, state)
        if state.commitment != (stored.commitment.hex() if stored else None):
            raise IdentityHeld  # it changed since it was read: what is kept must not be lost
        return participant.decide(state, event)

    try:
        return tracking.record(
            request, id, str(id), decide, participant_id=id, days=[changed_on], identity=identity
        )
    except IdentityHeld:
        return change_identity(
            tracking,
            request,
            id,
            changed_on=changed_on,
            name=name,
            ogrn=ogrn,
            contacts=contacts,
            late_reason=late_reason,
        )


def salted(tracking: ServiceTracking, id: UUID, digest: str) -> str:
    """A hash (hex) of what tells of this participant alone, as the log may keep it.

    Of a natural person it goes over the vault's salt first: an answer could be guessed by whoever asks the same
    service, and an erasure takes the salt away.
    """
    stored = tracking.recorder.identity(id)
    if stored is None or stored.inn is None:
        return digest
    return hashlib.sha256(stored.salt + bytes.fromhex(digest)).hexdigest()


def inn_of(tracking: ServiceTracking, request: Request, id: UUID) -> str:
    """The participant's INN, a natural person's from the vault; Refused once it is erased."""
    state = tracking.streams([id]).known(participant.KIND, id, "Участник")
    visible(request, state)
    inn = state.registered.inn
    if inn is None and (stored := tracking.recorder.identity(id)) is not None:
        inn = stored.inn
    if inn is None:
        raise Refused("identity-erased", "Сведения о личности удалены: спросить реестр не о ком")
    return inn


def _identified(given: Registration) -> Registration:
    """The registration with its identifiers as we keep them, or every identifier that is wrong."""
    problems: list[Problem] = []

    def checked(pointer: str, check: Callable[[], str]) -> str:
        try:
            return check()
        except Invalid as wrong:
            problems.append(Problem(pointer, wrong.code, wrong.detail))
            return ""

    inn = checked("/inn", lambda: identifiers.inn_of(given.kind, given.inn))
    ogrn = given.ogrn and checked("/ogrn", lambda: _registration_number(given.kind, given.ogrn or ""))
    if problems:
        raise Invalid(problems[0].code, problems[0].detail, problems)
    return replace(given, inn=inn, ogrn=ogrn)


def _registration_number(kind: participant.PartyKind, text: str) -> str:
    return identifiers.ogrnip(text) if kind == "entrepreneur" else identifiers.ogrn(text)


def _identity(id: UUID, inn: str | None, fields: dict[str, Any]) -> Identity:
    """Commitment: SHA-256 over the salt and the canonical JSON (sorted keys, UTF-8) of the fields."""
    text = msgspec.json.encode(fields, order="sorted")
    salt = secrets.token_bytes(32)
    return Identity(
        participant_id=id,
        inn=inn,
        fields=text,
        salt=salt,
        commitment=hashlib.sha256(salt + text).digest(),
    )
