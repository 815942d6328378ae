import pytest

from app.api.middleware.headers import SECURITY_HEADERS


@pytest.mark.parametrize("path", ["/", "/health/live", "/nothing", "/static/style.css", "/metrics"])
def test_every_answer_has_the_security_headers(client, path):
    headers = client.get(path).headers
    assert {name: headers[name] for name in SECURITY_HEADERS} == SECURITY_HEADERS


def test_other_origins_are_given_nothing(client):
    headers = client.get("/models", headers={"Origin": "https://elsewhere.example"}).headers
    assert not [name for name in headers if name.startswith("access-control-")]
