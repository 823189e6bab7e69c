"""Scenarios run over the same real server as the tests of the API."""

from api.conftest import app, auditor, centre, manager, operator

__all__ = ["app", "auditor", "centre", "manager", "operator"]
