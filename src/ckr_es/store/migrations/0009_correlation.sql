-- All records of one correlation, in order. A command that names none is called by its first event, which is found by
-- its id: so most records cost nothing here.
set local role ckr_owner;

create index event_correlation on ckr.event (correlation_id, position) where correlation_id <> event_id;
