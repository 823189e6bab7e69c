-- The door judges a batch in one statement. What each command names is held against the log and against the commands
-- before it, taken for recorded; whoever passes so, under a new key, with neither guard nor identity, is recorded without
-- a further look. The doubtful ones are judged one by one as before (0002), each with all before it in the tables, and
-- when one is refused, those after it that name a stream of its events become doubtful too.
set local role ckr_owner;

create or replace function ckr.append(
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
    n        int := coalesce(array_length(c_key, 1), 0);
    head     bigint;
    head_at  timestamptz;
    started  bigint;
    doubtful int[] := '{1}';  -- commands that are judged for themselves
    doubt    boolean;
    x        int := 1;
    e        int := 1;
    first_e  int;
    seen     uuid[];  -- the streams that a doubtful command names …
    stood    int[];   -- … and their last versions, null for none
    k        int;
    was      record;
    vault    json;
    leaf     bytea;
    -- What is accepted is inserted for many commands at once; null marks what is not.
    waiting    boolean := false;
    inserted_c int := 0;
    inserted_e int := 0;
    c_first    bigint[];
    c_last     bigint[];
    c_at       timestamptz[];
    e_position bigint[];
    e_at       timestamptz[];
    e_leaf     bytea[];
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

    if n > 1 then
        with named as (
            select x_command[j] as command, 0 as part, j, x_stream[j] as stream, x_version[j] as version,
                   null::int as becomes
            from generate_series(1, cardinality(x_command)) j
            union all
            select e_command[j], 1, j, e_stream[j], e_version[j], e_version[j]
            from generate_series(1, cardinality(e_command)) j
        ), known as (
            select d.stream, (select v.stream_version from ckr.event v where v.stream_id = d.stream
                              order by v.stream_version desc limit 1) as last
            from (select distinct stream from named) d
        ), judged as (
            select m.command, m.version, m.becomes,
                   coalesce(max(m.becomes) over (partition by m.stream order by m.command, m.part, m.j
                                                 rows between unbounded preceding and 1 preceding), l.last) as stands
            from named m join known l on l.stream = m.stream
        )
        select coalesce(array_agg(d.command), '{}') into doubtful
        from (
            select g.command from judged g
            where not case when g.becomes is null then coalesce(g.stands = g.version, g.version <= 0)
                           else coalesce(g.version = g.stands + 1, g.version in (0, 1)) end
            union
            select i from generate_series(1, n) i
            where c_guard_after[i] is not null or c_identity[i] is not null
               or (select true from ckr.command c where c.key = c_key[i] limit 1)
            union
            select t.i from (select i, row_number() over (partition by c_key[i] order by i) as nth
                             from generate_series(1, n) i) t
            where t.nth > 1
        ) d;
    end if;

    for i in 1 .. n + 1 loop
        -- Whatever must see the log as it stands now has all that was accepted put into the tables first.
        if waiting and (i > n or i = any (doubtful)) then
            insert into ckr.event (
                position, event_id, stream_id, stream_version, type, body, recorded_at, actor, role, correlation_id,
                causation_id, command_key, effective_on, participant_id, leaf)
            select
                e_position[j], e_id[j], e_stream[j], e_version[j], e_type[j], e_body[j]::json, e_at[j],
                c_actor[e_command[j]], c_role[e_command[j]], c_correlation[e_command[j]],
                e_causation[j], c_key[e_command[j]], e_effective[j], e_participant[j], e_leaf[j]
            from generate_series(inserted_e + 1, e - 1) j
            where e_position[j] is not null;

            insert into ckr.command (
                key, request_hash, actor, status, subject, version, first_position, last_position, answer, recorded_at)
            select
                c_key[j], c_hash[j], c_actor[j], c_status[j], c_subject[j], c_version[j], c_first[j], c_last[j],
                c_answer[j], c_at[j]
            from generate_series(inserted_c + 1, i - 1) j
            where c_at[j] is not null;

            inserted_e := e - 1;
            inserted_c := i - 1;
            waiting := false;
        end if;
        exit when i > n;

        ordinal := i;
        outcome := null; first_position := null; last_position := null; recorded_at := null;
        leaves := null; conflict_stream := null; actual_version := null;
        first_e := e;

        doubt := i = any (doubtful);
        if doubt then
            seen := '{}';
            stood := '{}';
            select c.request_hash, c.first_position, c.last_position, c.recorded_at
                into was from ckr.command c where c.key = c_key[i];
            if found and was.request_hash is distinct from c_hash[i] then
                outcome := 'reused';
            elsif found then
                first_position := was.first_position;
                last_position := was.last_position;
                recorded_at := was.recorded_at;
                select array_agg(v.leaf order by v.position),
                       case when e_command[e] = i and (array_agg(v.event_id order by v.position))[1] = e_id[e]
                            then 'recorded' else 'known' end
                    into leaves, outcome
                    from ckr.event v where v.position between was.first_position and was.last_position;
            end if;
        end if;

        while x_command[x] = i loop
            if doubt and outcome is null then
                k := array_position(seen, x_stream[x]);
                if k is null then
                    k := cardinality(seen) + 1;
                    seen[k] := x_stream[x];
                    stood[k] := (select v.stream_version from ckr.event v where v.stream_id = x_stream[x]
                                 order by v.stream_version desc limit 1);
                end if;
                -- 0 and -1 both say "no such stream"; 0 is also right for a stream that began at 0 and stands there.
                if not coalesce(stood[k] = x_version[x], x_version[x] <= 0) then
                    outcome := 'conflict'; conflict_stream := x_stream[x]; actual_version := stood[k];
                end if;
            end if;
            x := x + 1;
        end loop;

        while e_command[e] = i loop
            if doubt and outcome is null then
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

        if outcome is null and c_guard_after[i] is not null then
            select v.stream_id, v.stream_version into conflict_stream, actual_version
                from ckr.event v
                where v.position > c_guard_after[i]
                  and (c_guard_types[i] is null or v.type = any (string_to_array(c_guard_types[i], ',')))
                  and (c_guard_participant[i] is null or v.participant_id = c_guard_participant[i])
                order by v.position limit 1;
            if found then
                outcome := 'conflict';
            end if;
        end if;

        vault := c_identity[i];
        if outcome is null and vault is not null then
            select held.participant_id into conflict_stream
                from ckr.identity held
                where held.inn = vault ->> 'inn' and held.participant_id <> (vault ->> 'participant_id')::uuid;
            if found then
                outcome := 'conflict';
            elsif vault ->> 'fields' is null then
                delete from ckr.identity held where held.participant_id = (vault ->> 'participant_id')::uuid;
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
            if e > first_e and i < n then
                doubtful := array(
                    select unnest(doubtful)
                    union
                    select x_command[j] from generate_series(x, cardinality(x_command)) j
                        where x_stream[j] = any (e_stream[first_e : e - 1])
                    union
                    select e_command[j] from generate_series(e, cardinality(e_command)) j
                        where e_stream[j] = any (e_stream[first_e : e - 1]));
            end if;
            return next;
            continue;
        end if;

        recorded_at := greatest(clock_timestamp(), head_at + interval '1 microsecond');
        for j in first_e .. e - 1 loop
            if j > first_e then
                recorded_at := recorded_at + interval '1 microsecond';
            end if;
            head := head + 1;
            head_at := recorded_at;
            -- architecture.md, section 9; inline, because a function of our own costs as much as the hash
            leaf := sha256('\x00'::bytea || convert_to(
                E'v1\n' || head || E'\n' || e_stream[j] || E'\n' || e_version[j] || E'\n' || e_type[j] || E'\n'
                || to_char(recorded_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') || E'\n'
                || c_actor[i] || E'\n' || c_key[i] || E'\n'
                || encode(sha256(convert_to(e_body[j], 'UTF8')), 'hex') || E'\n', 'UTF8'));
            e_position[j] := head;
            e_at[j] := recorded_at;
            e_leaf[j] := leaf;
            leaves := array_append(leaves, leaf);
        end loop;
        if e > first_e then
            first_position := head - (e - first_e) + 1;
            last_position := head;
        end if;
        c_first[i] := first_position;
        c_last[i] := last_position;
        c_at[i] := recorded_at;
        waiting := true;
        outcome := 'recorded';
        return next;
    end loop;

    if x <= cardinality(x_command) or e <= cardinality(e_command) then
        raise exception 'x_command and e_command must ascend and name commands of the batch'
            using errcode = 'invalid_parameter_value';
    end if;
    if head > started then
        perform pg_notify('ckr_events', head::text);
    end if;
end
$door$;
