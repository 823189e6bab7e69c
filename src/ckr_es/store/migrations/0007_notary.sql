-- The notary reads the log, works out every leaf anew, and signs: it needs nothing else, and writes nowhere.
set local role ckr_owner;

grant usage on schema ckr to ckr_notary;
grant select on ckr.event, ckr.migration to ckr_notary;
