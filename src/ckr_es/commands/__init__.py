"""Commands that read more than one stream: joining, applying, deciding, correcting, closing."""

from ckr_es.commands.cases import assess, case_stream, decide_eligibility, notes, on_case, open_case
from ckr_es.commands.corrections import correct
from ckr_es.commands.funding import plan_stream
from ckr_es.commands.guards import cluster_stream
from ckr_es.commands.periods import Snapshot, close_period, reopen_period
from ckr_es.commands.providers import conflicts, on_provider, provider_stream, register_provider
from ckr_es.commands.registration import Registration, change_identity, inn_of, register, salted
from ckr_es.commands.streams import on_cluster, on_participant, on_plan, on_roadmap
from ckr_es.commands.support import Wanted, answer_file, make_file, set_codes

__all__ = [
    "Registration",
    "Snapshot",
    "Wanted",
    "answer_file",
    "assess",
    "case_stream",
    "change_identity",
    "close_period",
    "cluster_stream",
    "conflicts",
    "correct",
    "decide_eligibility",
    "inn_of",
    "make_file",
    "notes",
    "on_case",
    "on_cluster",
    "on_participant",
    "on_plan",
    "on_provider",
    "on_roadmap",
    "open_case",
    "plan_stream",
    "provider_stream",
    "register",
    "register_provider",
    "reopen_period",
    "salted",
    "set_codes",
]
