-- The log, the commands already answered, the identity vault, keys, and where each projection stands.

create schema ckr authorization ckr_owner;

-- A projection makes its own schema and tables; whoever answers questions may read them.
alter default privileges for role ckr_projector grant usage on schemas to ckr_app, ckr_reader;
alter default privileges for role ckr_projector grant select on tables to ckr_app, ckr_reader;

set local role ckr_owner;

create table ckr.migration (
    number     int primary key,
    name       text not null,
    sha256     bytea not null check (octet_length(sha256) = 32),
    applied_at timestamptz not null default clock_timestamp()
);

create table ckr.event (
    position       bigint primary key check (position > 0),
    event_id       uuid not null unique,
    stream_id      uuid not null,
    stream_version int not null check (stream_version >= 0),
    type           text not null check (type <> ''),
    body           json not null,  -- json, not jsonb: it keeps the text byte for byte, and hashes hold
    recorded_at    timestamptz not null,
    actor          text not null,
    role           text not null,
    correlation_id uuid not null,
    causation_id   uuid,
    command_key    text not null,
    effective_on   date not null,
    participant_id uuid,
    leaf           bytea not null check (octet_length(leaf) = 32),
    unique (stream_id, stream_version),
    constraint no_newline_in_leaf_fields check (strpos(type || actor || command_key, E'\n') = 0)
);
create index event_participant on ckr.event (participant_id, position) where participant_id is not null;
create index event_type on ckr.event (type, position);
create index event_recorded_at on ckr.event (recorded_at);
create index event_command_key on ckr.event (command_key);
create index event_joined_cluster on ckr.event ((body ->> 'cluster')) where type = 'participant.joined-cluster';
create index event_voids on ckr.event ((body ->> 'voids')) where (body ->> 'voids') is not null;
create index event_corrects on ckr.event ((body ->> 'corrects')) where (body ->> 'corrects') is not null;

create table ckr.command (
    key            text primary key,
    request_hash   bytea not null,
    actor          text not null,
    status         smallint not null,
    subject        text not null,
    version        int not null,
    first_position bigint,
    last_position  bigint,
    answer         text,
    recorded_at    timestamptz not null,
    check (first_position <= last_position and (first_position is null) = (last_position is null)),
    constraint answerable check (answer is not null or first_position is not null)
);

-- Personal data of entrepreneurs. Never in the log; an erasure deletes the row and with it the salt.
create table ckr.identity (
    participant_id uuid primary key,
    inn            text unique,
    fields         json not null,
    salt           bytea not null check (octet_length(salt) = 32),
    commitment     bytea not null check (octet_length(commitment) = 32)
);

create table ckr.api_key (
    id          text primary key,
    name        text not null,
    role        text not null,
    cluster     text,
    secret_hash bytea not null,
    created_at  timestamptz not null default clock_timestamp(),
    revoked_at  timestamptz
);

create table ckr.projection (
    name           text primary key,
    position       bigint not null default 0 check (position >= 0),
    status         text not null default 'running' check (status in ('running', 'stopped')),
    error          text,
    error_position bigint,
    version        int not null default 1,
    updated_at     timestamptz not null default clock_timestamp()
);

-- Privileges stop every role of ours; these triggers stop the owner and the superuser too (ALWAYS: also with
-- session_replication_role = replica). Whoever drops a trigger to get past it is caught by the signed checkpoints.
create function ckr.refuse_change() returns trigger language plpgsql as $$
begin
    raise exception '% on %.% is refused: what is recorded stays', tg_op, tg_table_schema, tg_table_name
        using errcode = 'insufficient_privilege';
end
$$;

-- The call stack can't be claimed by a setting; its function names are printed with their schema because the door's
-- search_path holds only pg_catalog.
create function ckr.refuse_unless_door() returns trigger language plpgsql as $$
declare
    stack text;
begin
    get diagnostics stack = pg_context;
    if strpos(stack, ' ckr.append(') = 0 then
        raise exception '% on %.% is refused: only ckr.append writes here', tg_op, tg_table_schema, tg_table_name
            using errcode = 'insufficient_privilege';
    end if;
    return null;
end
$$;

create trigger refuse_change before update or delete or truncate on ckr.event
    for each statement execute function ckr.refuse_change();
create trigger refuse_unless_door before insert on ckr.event
    for each statement execute function ckr.refuse_unless_door();
create trigger refuse_change before update or delete or truncate on ckr.command
    for each statement execute function ckr.refuse_change();
create trigger refuse_unless_door before insert on ckr.command
    for each statement execute function ckr.refuse_unless_door();
create trigger refuse_change before truncate on ckr.identity
    for each statement execute function ckr.refuse_change();
create trigger refuse_unless_door before insert or update or delete on ckr.identity
    for each statement execute function ckr.refuse_unless_door();
create trigger refuse_change before update or delete or truncate on ckr.migration
    for each statement execute function ckr.refuse_change();
alter table ckr.event enable always trigger refuse_change;
alter table ckr.event enable always trigger refuse_unless_door;
alter table ckr.command enable always trigger refuse_change;
alter table ckr.command enable always trigger refuse_unless_door;
alter table ckr.identity enable always trigger refuse_change;
alter table ckr.identity enable always trigger refuse_unless_door;
alter table ckr.migration enable always trigger refuse_change;

grant usage on schema ckr to ckr_migrator, ckr_app, ckr_projector, ckr_reader;
grant select on ckr.migration, ckr.event, ckr.projection to ckr_migrator, ckr_app, ckr_projector, ckr_reader;
grant select on ckr.command, ckr.identity, ckr.api_key to ckr_app;
grant select (key, request_hash, actor, status, subject, version, first_position, last_position, recorded_at)
    on ckr.command to ckr_reader;
grant select, insert, update on ckr.api_key to ckr_migrator;
grant insert, update, delete on ckr.projection to ckr_projector;
