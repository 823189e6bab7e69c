-- What a trace asks of the log: all records of one correlation, in order.
set local role ckr_owner;

create index event_correlation on ckr.event (correlation_id, position);
