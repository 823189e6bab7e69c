-- What auditors read with plain SQL.
set local role ckr_owner;

create view ckr.log as
    select position, event_id, stream_id, stream_version, type, recorded_at, effective_on, actor, role,
           participant_id, correlation_id, causation_id, command_key, body, encode(leaf, 'hex') as leaf
    from ckr.event;
comment on view ckr.log is 'Every event with its envelope, in the order of the log; leaf as in events.ndjson';

create view ckr.correction as
    select position, recorded_at, actor, 'voided' as kind, (body ->> 'voids')::uuid as target,
           body ->> 'reason' as reason, body ->> 'late_reason' as late_reason
    from ckr.event where (body ->> 'voids') is not null
    union all
    select position, recorded_at, actor, 'corrected', (body ->> 'corrects')::uuid,
           body ->> 'reason', body ->> 'late_reason'
    from ckr.event where (body ->> 'corrects') is not null;
comment on view ckr.correction is 'What was taken back or put right: target is the event_id that it is about';

grant select on ckr.log, ckr.correction to ckr_app, ckr_projector, ckr_reader, ckr_migrator;
