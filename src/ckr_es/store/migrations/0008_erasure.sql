-- Erasures of personal data (152-ФЗ): proposed by one, confirmed by another; and what auditors have read.
set local role ckr_owner;

-- No row names the person: the subject is the participant's id, and `basis` is refused where it holds what the vault does.
create table ckr.erasure (
    key            text primary key,  -- of the command that proposed it
    request_hash   bytea not null,
    participant_id uuid not null,
    act_number     text not null,
    act_date       date not null,
    basis          text not null,
    proposed_by    text not null,
    proposed_at    timestamptz not null default clock_timestamp(),
    confirmed_by   text,
    confirmed_at   timestamptz,
    event_id       uuid,
    destroyed      json,  -- how much of what, beside the vault's row
    constraint two_people check (confirmed_by <> proposed_by)
);
create index erasure_participant on ckr.erasure (participant_id, proposed_at);

-- One row a read, written before its answer. It holds ids and positions, never what was searched for.
create table ckr.access (
    id             bigint generated always as identity primary key,
    at             timestamptz not null default clock_timestamp(),
    actor          text not null,
    role           text not null,
    route          text not null,  -- as the contract writes it: GET /api/v1/participants/{id}
    objects        jsonb not null,  -- which of them: {"id": …}
    as_of          date,
    known_at       timestamptz,
    known_position bigint,
    head_position  bigint not null  -- the log's last position then: no read saw more
);
create index access_actor on ckr.access (actor, id);
create index access_at on ckr.access (at);

-- The planner's statistics are samples of values, which an erasure would not reach: none are kept of what may name a
-- person. A change of type, even to the same, drops those there are.
alter table ckr.identity
    alter inn type text, alter inn set statistics 0, alter fields type json, alter fields set statistics 0,
    alter salt type bytea, alter salt set statistics 0, alter commitment type bytea, alter commitment set statistics 0;
alter table ckr.command alter request_hash type bytea, alter request_hash set statistics 0;
alter table imports.row
    alter path type text, alter path set statistics 0, alter key type text, alter key set statistics 0,
    alter body type text, alter body set statistics 0, alter error type jsonb, alter error set statistics 0;
alter table imports.verdict alter error type jsonb, alter error set statistics 0;
alter table imports.import
    alter sha256 type text, alter sha256 set statistics 0, alter file_name type text, alter file_name set statistics 0,
    alter error type jsonb, alter error set statistics 0;
alter table imports.upload alter request_hash type bytea, alter request_hash set statistics 0;
alter table registry.sme alter inn type text, alter inn set statistics 0;
alter table registry.support
    alter inn type text, alter inn set statistics 0, alter supports type jsonb, alter supports set statistics 0;
alter table registry.snapshot
    alter file_name type text, alter file_name set statistics 0, alter notes type text[], alter notes set statistics 0,
    alter error type jsonb, alter error set statistics 0;
alter table registry.member alter name type text, alter name set statistics 0;

create function ckr.refuse_unless_erasing() returns trigger language plpgsql as $$
declare
    stack text;
begin
    get diagnostics stack = pg_context;
    if strpos(stack, ' ckr.erase(') = 0 then
        raise exception '% on %.% is refused: only ckr.erase changes this', tg_op, tg_table_schema, tg_table_name
            using errcode = 'insufficient_privilege';
    end if;
    return null;
end
$$;
revoke all on function ckr.refuse_unless_erasing() from public;

drop trigger refuse_change on ckr.command;
create trigger refuse_change before delete or truncate on ckr.command
    for each statement execute function ckr.refuse_change();
create trigger refuse_unless_erasing before update on ckr.command
    for each statement execute function ckr.refuse_unless_erasing();
create trigger refuse_change before delete or truncate on ckr.erasure
    for each statement execute function ckr.refuse_change();
create trigger refuse_unless_erasing before update on ckr.erasure
    for each statement execute function ckr.refuse_unless_erasing();
create trigger refuse_change before update or delete or truncate on ckr.access
    for each statement execute function ckr.refuse_change();
alter table ckr.command enable always trigger refuse_change;
alter table ckr.command enable always trigger refuse_unless_erasing;
alter table ckr.erasure enable always trigger refuse_change;
alter table ckr.erasure enable always trigger refuse_unless_erasing;
alter table ckr.access enable always trigger refuse_change;

-- Everything beside the vault that holds the person is emptied; the vault's row goes through the door with the event, in
-- the same transaction. `marks` are lower-case pieces of text that would name the person.
--
-- A hash over a request or a small file that held an INN can be tried out until it fits, so it is as good as the INN: it
-- becomes a random one. A key stays used by that, and no request is the one it was used for.
--
-- Raises object_in_use while somebody is at work with a file, object_not_in_prerequisite_state for an import that names
-- the person and is recorded by half.
create function ckr.erase(proposal text, by_whom text, event uuid, marks text[]) returns void
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $erase$
declare
    who       uuid := (select r.participant_id from ckr.erasure r where r.key = proposal);
    whose_inn text := (select v.inn from ckr.identity v where v.participant_id = who);
    gone      constant text := 'Сведения удалены';
    streams   text[] := array(select distinct e.stream_id::text from ckr.event e where e.participant_id = who);
    naming    uuid[];
    touched   uuid[];
    n         bigint;
    counted   jsonb := '{}';
begin
    -- The locks of loads and imports (registry/snapshots.py, imports/course.py), held until this is over.
    if exists (select from unnest(array[7161934518202121, 7161934518202122]) k where not pg_try_advisory_xact_lock(k))
       or exists (select from imports.import i
                  where i.state not in ('committed', 'reverted', 'failed', 'expired')
                    and not pg_try_advisory_xact_lock(716193451, hashtext(i.id::text))) then
        raise exception 'somebody is at work with a file' using errcode = 'object_in_use';
    end if;

    naming := array(
        select distinct r.import_id from imports.row r
        where exists (select from unnest(marks) m
                      where strpos(lower(concat_ws(' ', r.path, r.key, r.body, r.error)), m) > 0));
    if exists (select from imports.import i where i.id = any (naming) and i.state = 'committing') then
        raise exception 'an import is recorded by half' using errcode = 'object_not_in_prerequisite_state';
    end if;
    delete from imports.row r where r.import_id = any (naming);
    get diagnostics n = row_count;
    counted := counted || jsonb_build_object('import_rows', n);
    update imports.import i set state = 'expired', finished_at = clock_timestamp() where i.id = any (naming);

    -- Whom a refused row named, nobody can tell any more, so its file counts as one that named the person.
    touched := array(
        select i.id from imports.import i
        where i.id = any (naming) or i.state in ('failed', 'expired')
           or exists (select from imports.verdict v
                      where v.import_id = i.id and (v.outcome = 'refused' or v.subject = any (streams)))
           or exists (select from ckr.event e where e.participant_id = who and e.correlation_id = i.id)
           or exists (select from unnest(marks) m where strpos(lower(concat_ws(' ', i.file_name, i.error)), m) > 0));
    update imports.import i
    set sha256 = replace(gen_random_uuid()::text || gen_random_uuid()::text, '-', ''), file_name = null,
        error = case when i.error is not null then jsonb_build_object(
                    'code', i.error -> 'code', 'detail', gone, 'errors', '[]'::jsonb) end
    where i.id = any (touched);
    get diagnostics n = row_count;
    counted := counted || jsonb_build_object('import_files', n);
    update imports.upload u
    set request_hash = decode(replace(gen_random_uuid()::text || gen_random_uuid()::text, '-', ''), 'hex')
    where u.import_id = any (touched);
    update imports.verdict v
    set error = jsonb_build_object('status', v.error -> 'status', 'code', v.error -> 'code', 'detail', gone,
                                   'errors', '[]'::jsonb)
    where exists (select from unnest(marks) m where strpos(lower(v.error::text), m) > 0);
    get diagnostics n = row_count;
    counted := counted || jsonb_build_object('import_errors', n);

    with sme as (delete from registry.sme r where r.inn = whose_inn returning 1),
         support as (delete from registry.support r where r.inn = whose_inn returning 1)
    select (select count(*) from sme) + (select count(*) from support) into n;
    counted := counted || jsonb_build_object('registry_rows', n);
    update registry.snapshot s
    set file_name = null, notes = '{}',
        error = case when s.error is not null then jsonb_build_object(
                    'code', s.error -> 'code', 'detail', gone, 'errors', '[]'::jsonb) end
    where exists (select from unnest(marks) m
                  where strpos(lower(concat_ws(' ', s.file_name, s.error, array_to_string(s.notes, ' '))), m) > 0);
    update registry.member r set name = gen_random_uuid()::text
    where exists (select from unnest(marks) m where strpos(lower(r.name), m) > 0);

    -- Requests that told who the person is; refused or without news, they are known by their subject alone. A
    -- registration that a closed period refused made no participant, and whose it was nobody can tell.
    update ckr.command c
    set request_hash = decode(replace(gen_random_uuid()::text || gen_random_uuid()::text, '-', ''), 'hex'),
        answer = case when c.status = 409 then json_build_object(
                     'code', 'identity-erased', 'detail', gone, 'problems', '[]'::json)::text else c.answer end
    where c.key in (select e.command_key from ckr.event e
                    where e.stream_id = who
                      and e.type in ('participant.registered', 'participant.identity-changed'))
       or c.first_position is null and (
           c.subject = who::text and coalesce(c.answer::json ->> 'code', '') not like 'erasure-%'
           or c.status = 409 and case
               when c.subject ~ '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$' and c.answer::json ->> 'code' = 'period-closed'
               then not exists (select from ckr.event e where e.stream_id = c.subject::uuid)
               else false end);
    get diagnostics n = row_count;
    counted := counted || jsonb_build_object('commands', n);

    update ckr.erasure r
    set confirmed_by = by_whom, confirmed_at = clock_timestamp(), event_id = event, destroyed = counted::json
    where r.key = proposal and r.confirmed_by is null;
    if not found then
        raise exception 'there is no such proposal' using errcode = 'no_data_found';
    end if;
end
$erase$;
revoke all on function ckr.erase(text, text, uuid, text[]) from public;
grant execute on function ckr.erase(text, text, uuid, text[]) to ckr_app;

grant select on ckr.erasure, ckr.access to ckr_app, ckr_reader;
grant insert (key, request_hash, participant_id, act_number, act_date, basis, proposed_by) on ckr.erasure to ckr_app;
grant insert (actor, role, route, objects, as_of, known_at, known_position, head_position) on ckr.access to ckr_app;
