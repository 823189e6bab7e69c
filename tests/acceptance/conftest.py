"""Acceptance: stories of the centre, told and examined over HTTP alone: a real server and an empty log a module.

A story is told by `operator` and `manager`, and examined by `auditor`, `analyst` and `admin`; each is a client with a
key of that role. The steps that many stories share are in `api.centre`.
"""

import pytest
from api import conftest as api
from api.centre import Centre, Client

app, centre = api.app, api.centre
operator, manager, auditor = api.operator, api.manager, api.auditor


@pytest.fixture(scope="module")
def deputy(centre: Centre) -> Client:
    """The second manager, where two people are asked for."""
    return centre.deputy


@pytest.fixture(scope="module")
def analyst(centre: Centre) -> Client:
    return centre.analyst


@pytest.fixture(scope="module")
def admin(centre: Centre) -> Client:
    return centre.admin
