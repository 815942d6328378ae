"""Keys, rates, proxies and other origins, over a socket."""

import json
import socket

import httpx
import pytest

from app.main import create_app
from app.service.keys import hash_of, new_key
from app.settings import Settings
from tests.api.conftest import listening

KEY, OTHER = new_key(), new_key()
HASHES = f"{hash_of(KEY)}, {hash_of(OTHER).upper()}"
PAGE = "https://page.example"


def bearer(key):
    return {"Authorization": f"Bearer {key}"}


@pytest.fixture(scope="module")
def guarded(models):
    app = create_app(Settings(models_dir=models, model="blur", api_keys=HASHES))
    with listening(app, lifespan="off") as client:
        yield client


@pytest.mark.parametrize("headers", [bearer(KEY), bearer(OTHER), {"X-API-Key": KEY}])
def test_any_of_the_keys_is_taken_either_way(guarded, headers, image_file):
    answer = guarded.post("/noise", files={"image": image_file()}, headers=headers)
    assert answer.status_code == 200


@pytest.mark.parametrize(
    "headers",
    [
        {},
        bearer("x"),
        bearer(new_key()),
        bearer(hash_of(KEY)),
        bearer(KEY[:-1]),
        {"Authorization": f"Basic {KEY}"},
        {"Authorization": KEY},
        {"X-API-Key": KEY.upper()},
        {"X-API-Key": b"\xff\xfe"},
        {"Cookie": f"X-API-Key={KEY}"},
    ],
)
def test_all_else_is_refused(guarded, headers, image_file):
    for path in ("/noise", f"/noise?key={KEY}"):
        answer = guarded.post(path, files={"image": image_file()}, headers=headers)
        assert answer.status_code == 401
        assert answer.headers["www-authenticate"] == 'Bearer realm="denoiser"'
        assert answer.headers["content-type"] == "application/problem+json"
        assert answer.json()["code"] == "unauthorized"
        assert answer.headers["x-frame-options"] == "DENY"
        assert KEY not in answer.text


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/denoise"),
        ("POST", "/compare"),
        ("GET", "/models"),
        ("GET", "/models/blur"),
        ("GET", "/metrics"),
        ("GET", "/nothing"),
        ("GET", "/static"),
        ("GET", "//"),
        ("GET", "/%6detrics"),
        ("GET", "/docs/../metrics"),
        ("DELETE", "/models"),
        ("OPTIONS", "/denoise"),
    ],
)
def test_everything_needs_a_key(guarded, method, path):
    with socket.create_connection((guarded.base_url.host, guarded.base_url.port), 20) as connection:
        connection.sendall(f"{method} {path} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        assert connection.recv(65536).startswith(b"HTTP/1.1 401 ")


@pytest.mark.parametrize(
    "path",
    ["/", "/static/app.js", "/health/live", "/docs", "/redoc", "/openapi.json"],
)
def test_but_the_page_the_documentation_and_the_health(guarded, path):
    assert guarded.get(path).status_code == 200
    assert guarded.get("/health/ready").status_code == 503  # it has no models


def test_a_key_is_missed_before_the_body_is_read(guarded):
    with socket.create_connection((guarded.base_url.host, guarded.base_url.port), 20) as connection:
        head = "POST /denoise HTTP/1.1\r\nHost: x\r\nContent-Type: image/png\r\n"
        connection.sendall(f"{head}Content-Length: 60000000\r\n\r\n".encode())
        answer = connection.recv(65536)
    assert answer.startswith(b"HTTP/1.1 401 ")
    assert b"connection: close" in answer.lower()


def test_the_description_tells_of_the_keys(guarded, client):
    description = guarded.get("/openapi.json").json()
    assert description["components"]["securitySchemes"].keys() == {"bearer", "header"}
    for path, methods in description["paths"].items():
        for operation in methods.values():
            needs = not path.startswith("/health")
            assert ("security" in operation) is needs, path
            assert ("401" in operation["responses"]) is needs, path
            assert ("429" in operation["responses"]) is needs, path
    assert "securitySchemes" not in client.get("/openapi.json").json()["components"]


def test_the_log_tells_whose_key_it_was_but_not_the_key(guarded, caplog, wait_until):
    def told():
        return [record for record in caplog.records if getattr(record, "key", None)]

    caplog.set_level("INFO", "app.api.middleware.observe")
    guarded.get("/models", headers=bearer(OTHER))
    wait_until(told)  # once the answer is out
    (record,) = told()
    assert record.key == hash_of(OTHER)[:8]
    assert OTHER not in str(vars(record))


def test_who_asks_too_often_is_told_when_to_come_back(listen):
    with listen(rate_per_minute=3) as client:
        for _ in range(3):
            assert client.get("/models").status_code == 503
        answer = client.get("/models")
        assert (answer.status_code, answer.json()["code"]) == (429, "rate-limited")
        assert 1 <= int(answer.headers["retry-after"]) <= 20
        assert client.get("/health/live").status_code == 200
        assert client.get("/").status_code == 200
        operation = client.get("/openapi.json").json()["paths"]["/denoise"]["post"]
        assert "Retry-After" in operation["responses"]["429"]["headers"]


def test_each_key_has_its_own_rate_and_so_have_those_without(listen):
    with listen(rate_per_minute=1, api_keys=HASHES) as client:
        for headers in (bearer(KEY), bearer(OTHER)):
            statuses = [client.get("/models", headers=headers).status_code for _ in range(2)]
            assert statuses == [503, 429]
        guesses = [client.get("/models", headers=bearer(new_key())).status_code for _ in range(2)]
        assert guesses == [401, 429]


def statuses(client, *addresses):
    return [
        client.get("/models", headers={"X-Forwarded-For": address}).status_code
        for address in addresses
    ]


def test_forwarded_addresses_are_believed_from_named_proxies_only(listen):
    with listen(rate_per_minute=1) as client:
        assert statuses(client, "192.0.2.1", "192.0.2.2") == [503, 429]
    with listen(rate_per_minute=1, trusted_proxies="10.0.0.0/8, 192.0.2.9") as client:
        assert statuses(client, "192.0.2.1", "192.0.2.2") == [503, 429]
    with listen(rate_per_minute=1, trusted_proxies="127.0.0.0/8") as client:
        assert statuses(client, "192.0.2.1", "192.0.2.2", "192.0.2.1") == [503, 503, 429]
        # What the caller wrote itself stands before what the proxy has added.
        assert statuses(client, "192.0.2.7, 192.0.2.1") == [429]


@pytest.mark.parametrize(
    ("first", "second", "same"),
    [
        ("192.0.2.1", "192.0.2.2", False),
        ("2001:db8::1", "2001:db8::2", True),
        ("2001:db8::1", "2001:db8:0:1::1", False),
        ("::ffff:192.0.2.1", "::ffff:192.0.2.2", False),
        ("fe80::1%eth0", "fe80::2%eth0", True),
        ("", "", True),
    ],
)
@pytest.mark.anyio
async def test_an_ipv6_network_is_one_caller(models, first, second, same):
    app = create_app(Settings(models_dir=models, model="blur", rate_per_minute=1))
    found = []
    for address in (first, second):
        transport = httpx.ASGITransport(app, client=(address, 1))
        async with httpx.AsyncClient(transport=transport, base_url="http://x") as client:
            found.append((await client.get("/models")).status_code)
    assert found == [503, 429 if same else 503]


def test_no_other_origin_may_read_anything_unless_it_is_named(listen):
    with listen() as client:
        for origin in (PAGE, "null"):
            answer = client.get("/models", headers={"Origin": origin})
            assert not [name for name in answer.headers if name.startswith("access-control-")]
    with listen(cors_origins=f"{PAGE},https://two.example", api_keys=HASHES) as client:
        answer = client.get("/models", headers={"Origin": PAGE})
        assert answer.status_code == 401  # and the page can read that, and why
        assert answer.headers["access-control-allow-origin"] == PAGE
        exposed = answer.headers["access-control-expose-headers"]
        assert {"X-Noise-Sigma", "X-Request-ID", "Retry-After"} <= set(exposed.split(", "))
        assert "access-control-allow-credentials" not in answer.headers
        stranger = client.get("/models", headers={"Origin": "https://elsewhere.example"})
        assert "access-control-allow-origin" not in stranger.headers


def test_a_named_origin_may_ask_beforehand_without_a_key(listen):
    asked = {
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "x-api-key",
    }
    with listen(cors_origins=PAGE, api_keys=HASHES) as client:
        answer = client.options("/denoise", headers={"Origin": PAGE} | asked)
        assert answer.status_code == 200
        assert answer.headers["access-control-allow-origin"] == PAGE
        answer = client.options("/denoise", headers={"Origin": "https://else.example"} | asked)
        assert answer.status_code == 400
        assert "access-control-allow-origin" not in answer.headers


def test_the_documentation_can_be_closed(listen):
    with listen(docs=False) as client:
        for path in ("/docs", "/redoc", "/openapi.json", "/docs-assets/swagger-ui.css"):
            answer = client.get(path)
            assert answer.status_code == 404
            assert json.loads(answer.text)["code"] == "not-found"
        assert client.get("/metrics").status_code == 200


def test_the_metrics_can_be_closed(listen):
    with listen(metrics=False) as client:
        assert client.get("/metrics").status_code == 404
        assert "/metrics" not in client.get("/openapi.json").json()["paths"]
