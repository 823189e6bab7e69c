-- The door: the only way into the log.
--
-- A batch of commands comes as columns: c_* one element a command, x_* one element an expected stream version, e_* one
-- element an event. x_command and e_command name the command (from 1) and ascend. Commands are judged one after the other,
-- each against the log and those before it in the batch; what one is refused does not touch the others.
--
--   recorded  the events lie at first_position … last_position (also when this very submission had been recorded
--             before: the same event ids), or the answer of a command without events is kept
--   known     the key was recorded by an earlier submission of the same request
--   reused    the key was recorded for another request
--   conflict  conflict_stream stands at actual_version (null: there is no such stream); for a guard, conflict_stream is the
--             stream of the first event that it had not seen; for an INN, the participant that holds it
set local role ckr_owner;

create function ckr.append(
    c_key text[], c_hash bytea[], c_actor text[], c_role text[], c_correlation uuid[],
    c_status smallint[], c_subject text[], c_version int[], c_answer text[],
    c_guard_after bigint[], c_guard_types text[], c_guard_participant uuid[],  -- types: joined with commas, null for any
    c_identity text[],  -- {"participant_id", "inn", "fields": text of the json or null to erase, "salt", "commitment": hex}
    x_command int[], x_stream uuid[], x_version int[],
    e_command int[], e_id uuid[], e_stream uuid[], e_version int[], e_type text[], e_body text[],
    e_causation uuid[], e_effective date[], e_participant uuid[]
) returns table (
    ordinal int, outcome text, first_position bigint, last_position bigint, recorded_at timestamptz,
    leaves bytea[], conflict_stream uuid, actual_version int
)
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_generic_plan
as $door$
declare
    head    bigint;
    head_at timestamptz;
    was     record;
    x       int := 1;
    e       int := 1;
    first_e int;
    seen    uuid[];   -- the streams this command looks at …
    stood   int[];    -- … and their last versions, null for none
    k       int;
    vault   json;
    started bigint;
begin
    if current_setting('transaction_isolation') <> 'read committed' then
        raise exception 'ckr.append needs read committed: another snapshot is older than the lock'
            using errcode = 'invalid_transaction_state';
    end if;
    if current_setting('synchronous_commit') = 'off' then
        perform set_config('synchronous_commit', 'on', true);  -- acknowledged = recorded, whatever the session says
    end if;

    perform pg_advisory_xact_lock(7161934518202111);
    select v.position, v.recorded_at into head, head_at from ckr.event v order by v.position desc limit 1;
    head := coalesce(head, 0);
    started := head;

    <<command>>
    for ordinal in 1 .. coalesce(array_length(c_key, 1), 0) loop
        outcome := null; first_position := null; last_position := null; recorded_at := null;
        leaves := null; conflict_stream := null; actual_version := null;
        seen := '{}'; stood := '{}'; first_e := e;

        select c.request_hash, c.first_position, c.last_position, c.recorded_at
            into was from ckr.command c where c.key = c_key[ordinal];
        if found then
            while x_command[x] = ordinal loop x := x + 1; end loop;
            while e_command[e] = ordinal loop e := e + 1; end loop;
            if was.request_hash is distinct from c_hash[ordinal] then
                outcome := 'reused';
            else
                first_position := was.first_position;
                last_position := was.last_position;
                recorded_at := was.recorded_at;
                select array_agg(v.leaf order by v.position),
                       case when e > first_e and (array_agg(v.event_id order by v.position))[1] = e_id[first_e]
                            then 'recorded' else 'known' end
                    into leaves, outcome
                    from ckr.event v where v.position between was.first_position and was.last_position;
            end if;
            return next;
            continue;
        end if;

        while x_command[x] = ordinal loop
            k := array_position(seen, x_stream[x]);
            if k is null then
                k := cardinality(seen) + 1;
                seen[k] := x_stream[x];
                stood[k] := (select v.stream_version from ckr.event v where v.stream_id = x_stream[x]
                             order by v.stream_version desc limit 1);
            end if;
            -- 0 and -1 both say "no such stream"; 0 is also right for a stream that began at 0 and stands there.
            if outcome is null and not coalesce(stood[k] = x_version[x], x_version[x] <= 0) then
                outcome := 'conflict'; conflict_stream := x_stream[x]; actual_version := stood[k];
            end if;
            x := x + 1;
        end loop;

        while e_command[e] = ordinal loop
            if outcome is null then
                k := array_position(seen, e_stream[e]);
                if k is null then
                    k := cardinality(seen) + 1;
                    seen[k] := e_stream[e];
                    stood[k] := (select v.stream_version from ckr.event v where v.stream_id = e_stream[e]
                                 order by v.stream_version desc limit 1);
                end if;
                if coalesce(e_version[e] = stood[k] + 1, e_version[e] in (0, 1)) then
                    stood[k] := e_version[e];
                else
                    outcome := 'conflict'; conflict_stream := e_stream[e]; actual_version := stood[k];
                end if;
            end if;
            e := e + 1;
        end loop;

        if outcome is null and c_guard_after[ordinal] is not null then
            select v.stream_id, v.stream_version into conflict_stream, actual_version
                from ckr.event v
                where v.position > c_guard_after[ordinal]
                  and (c_guard_types[ordinal] is null or v.type = any (string_to_array(c_guard_types[ordinal], ',')))
                  and (c_guard_participant[ordinal] is null or v.participant_id = c_guard_participant[ordinal])
                order by v.position limit 1;
            if found then
                outcome := 'conflict';
            end if;
        end if;

        vault := c_identity[ordinal];
        if outcome is null and vault is not null then
            select i.participant_id into conflict_stream
                from ckr.identity i
                where i.inn = vault ->> 'inn' and i.participant_id <> (vault ->> 'participant_id')::uuid;
            if found then
                outcome := 'conflict';
            elsif vault ->> 'fields' is null then
                delete from ckr.identity i where i.participant_id = (vault ->> 'participant_id')::uuid;
            else
                insert into ckr.identity (participant_id, inn, fields, salt, commitment)
                values ((vault ->> 'participant_id')::uuid, vault ->> 'inn', (vault ->> 'fields')::json,
                        decode(vault ->> 'salt', 'hex'), decode(vault ->> 'commitment', 'hex'))
                on conflict (participant_id) do update set
                    inn = excluded.inn, fields = excluded.fields,
                    salt = excluded.salt, commitment = excluded.commitment;
            end if;
        end if;

        if outcome is not null then
            return next;
            continue;
        end if;

        recorded_at := greatest(clock_timestamp(), head_at + interval '1 microsecond');
        if e > first_e then
            with kept as (
                insert into ckr.event (
                    position, event_id, stream_id, stream_version, type, body, recorded_at, actor, role, correlation_id,
                    causation_id, command_key, effective_on, participant_id, leaf)
                select
                    head + n, e_id[i], e_stream[i], e_version[i], e_type[i], e_body[i]::json, at,
                    c_actor[ordinal], c_role[ordinal], c_correlation[ordinal],
                    e_causation[i], c_key[ordinal], e_effective[i], e_participant[i],
                    -- architecture.md, section 9; inline, because a helper function per row costs as much as the hash
                    sha256('\x00'::bytea || convert_to(
                        E'v1\n' || (head + n)::text || E'\n' || e_stream[i]::text || E'\n' || e_version[i]::text || E'\n'
                        || e_type[i] || E'\n' || to_char(at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') || E'\n'
                        || c_actor[ordinal] || E'\n' || c_key[ordinal] || E'\n'
                        || encode(sha256(convert_to(e_body[i], 'UTF8')), 'hex') || E'\n', 'UTF8'))
                from generate_series(first_e, e - 1) i,
                     lateral (select i - first_e + 1 as n,
                                     recorded_at + (i - first_e) * interval '1 microsecond' as at) t
                returning ckr.event.position, ckr.event.recorded_at, ckr.event.leaf)
            select min(v.position), max(v.position), max(v.recorded_at), array_agg(v.leaf order by v.position)
                into first_position, last_position, recorded_at, leaves from kept v;
            head := last_position;
            head_at := recorded_at;
        end if;

        insert into ckr.command (key, request_hash, actor, status, subject, version, first_position, last_position,
                                 answer, recorded_at)
        values (c_key[ordinal], c_hash[ordinal], c_actor[ordinal], c_status[ordinal], c_subject[ordinal],
                c_version[ordinal], append.first_position, append.last_position, c_answer[ordinal], append.recorded_at);
        outcome := 'recorded';
        return next;
    end loop;

    if x <= coalesce(array_length(x_command, 1), 0) or e <= coalesce(array_length(e_command, 1), 0) then
        raise exception 'x_command and e_command must ascend and name commands of the batch'
            using errcode = 'invalid_parameter_value';
    end if;
    if head > started then
        perform pg_notify('ckr_events', head::text);
    end if;
end
$door$;

do $$
declare
    door regprocedure := (select p.oid from pg_proc p
                          where p.pronamespace = 'ckr'::regnamespace and p.proname = 'append');
begin
    execute format('revoke all on function %s from public', door);
    execute format('grant execute on function %s to ckr_app', door);
end
$$;
revoke all on function ckr.refuse_change(), ckr.refuse_unless_door() from public;
