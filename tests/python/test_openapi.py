"""Requests made up from the server's own description, and held against it."""

import hashlib
import itertools
import time

import hypothesis
import pytest
import requests
import schemathesis
from conftest import PASSWORD, held, running, sign
from hypothesis import strategies as st
from schemathesis import GenerationMode
from schemathesis.specs.openapi import checks

# What an answer is held against: its status, content type, headers and body must be those that are described.
CHECKS = [
    checks.status_code_conformance,
    checks.content_type_conformance,
    checks.response_headers_conformance,
    checks.response_schema_conformance,
]
# A stream does not end, and a message would be sent over the network.
LEFT_OUT = {"GET /api/v1/events", "POST /api/v1/channels/{name}/test"}
# What is there, by the part of the path before its name.
KNOWN = {"strategies": "alpha", "strategy": "alpha", "accounts": "main", "channels": "desk", "holds": "1"}
PUSHES, REPORTS = "POST /api/v1/positions/update", "POST /api/v1/accounts/{name}/report"
# What only the operator may look at.
CHANNELS = "GET /api/v1/channels"


def furnish(server):
    """Something of everything, so that answers are not empty; the keys of the account's terminal and of a reader."""

    def put(path, body, method="PUT"):
        headers = {"X-Internal-Password": PASSWORD}
        answer = requests.request(method, server.url + "/api/v1" + path, json=body, headers=headers, timeout=30)
        assert answer.ok, answer.text

    assert server.push("alpha", [held("000001.SZ", 1000), held("600000.SH", 300)], sequence=1).ok
    assert server.push("beta", [held("000001.SZ", 200)]).ok
    put("/accounts/main", {"strategies": [{"name": "alpha", "scale": "0.5"}, {"name": "beta"}]})
    put("/channels/desk", {"kind": "webhook", "url": "http://127.0.0.1:9/", "secret": "secret"})
    put("/strategies/alpha/schedule", {"by": ["09:35", "14:50"]})
    put("/strategies/beta/state", {"state": "frozen"}, "POST")
    assert server.push("beta", [held("510300.SH", 200)]).status_code == 202
    terminal = server.run("key", "add", "terminal", "--account", "main").stdout.split()[-1]
    reader = server.run("key", "add", "reader", "--scope", "read").stdout.split()[-1]
    holding = {"code": "000001.SZ", "volume": 400, "sellable": 400, "cost": "10", "price": "11"}
    body = {"at": time.strftime("%Y-%m-%dT%H:%M:%S+08:00", time.gmtime(time.time() + 28800)), "holdings": [holding]}
    assert server.post("/api/v1/accounts/main/report", body, X_API_Key=terminal).ok
    return terminal, reader


def sent(server, keys, case, known):
    """The request of a case, by who may send it; about what is there, if that is wanted."""
    segments = case.operation.path.split("/")
    for before, wildcard in itertools.pairwise(segments):
        if known and wildcard.startswith("{") and before in KNOWN:
            case.path_parameters[wildcard.strip("{}")] = KNOWN[before]
    if isinstance(case.body, dict):
        if "new_password" in case.body:
            case.body["new_password"] = PASSWORD
        if "url" in case.body:
            # Nothing goes out of this machine.
            case.body["url"] = "http://127.0.0.1:9/"
    request = requests.Request(**case.as_transport_kwargs(base_url=server.url)).prepare()
    for name in ["X-API-Key", "X-Auth-Token", "Authorization", "Cookie"]:
        request.headers.pop(name, None)
    terminal, reader = keys
    if case.operation.label == REPORTS:
        request.headers["X-API-Key"] = terminal
    elif case.operation.method == "get" and case.operation.label != CHANNELS:
        request.headers["X-API-Key"] = reader
    elif case.operation.label != PUSHES:
        request.headers["X-Internal-Password"] = PASSWORD
    else:
        body = request.body if isinstance(request.body, bytes) else (request.body or "").encode()
        auth_data = {"client_id": "client1", "timestamp": time.time(), "body_sha256": hashlib.sha256(body).hexdigest()}
        request.headers["X-Auth-Token"] = sign(server.key, auth_data)
    return request


@pytest.fixture(scope="module")
def furnished(tmp_path_factory):
    with running(tmp_path_factory.mktemp("openapi"), "--reads", "key") as server:
        yield server, furnish(server)


def operations(server):
    """Those that only look come first, and those that delete last, so that there is something to see."""
    document = server.get("/api/v1/openapi.json").json()
    # A key in the query would be a made-up one.
    config = schemathesis.Config.from_dict({"generation": {"with-security-parameters": False}})
    schema = schemathesis.openapi.from_dict(document, config=config)
    found = [result.ok() for result in schema.get_all_operations()]
    wanted = [operation for operation in found if operation.label not in LEFT_OUT]
    return sorted(wanted, key=lambda operation: ["get", "put", "post", "delete"].index(operation.method))


def cases(operation):
    """Requests as they are described, and, where there is something to get wrong, others."""
    right = operation.as_strategy(GenerationMode.POSITIVE)
    has_parts = operation.body or operation.query or operation.path_parameters
    return st.one_of(right, operation.as_strategy(GenerationMode.NEGATIVE)) if has_parts else right


def test_nothing_is_answered_that_is_not_described(furnished, subtests):
    server, keys = furnished
    session = requests.Session()
    for operation in operations(server):

        @hypothesis.seed(1)
        @hypothesis.settings(
            max_examples=8, deadline=None, database=None, phases=[hypothesis.Phase.generate],
            suppress_health_check=list(hypothesis.HealthCheck),
        )  # fmt: skip
        @hypothesis.given(case=cases(operation), known=st.booleans())
        def ask(case, known):
            answer = session.send(sent(server, keys, case, known), timeout=30)
            assert answer.status_code != 500, answer.text
            case.validate_response(answer, checks=CHECKS)

        with subtests.test(operation.label):
            ask()
