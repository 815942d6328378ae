"""Limits on the body, met by a client that does not behave."""

import json
import socket
import threading

import pytest

HEAD = "POST /noise HTTP/1.1\r\nHost: x\r\nContent-Type: image/png\r\n"


@pytest.fixture
def connect():
    """Opens a socket to the server of an httpx client."""
    sockets = []

    def open_socket(client):
        sockets.append(socket.create_connection((client.base_url.host, client.base_url.port), 20))
        return sockets[-1]

    yield open_socket
    for connection in sockets:
        connection.close()


def read_all(connection):
    """The status, the headers and the body of the one answer before the server hangs up."""
    data = b""
    while received := connection.recv(65536):
        data += received
    head, _, body = data.partition(b"\r\n\r\n")
    return int(head.split()[1]), head.lower(), body


def test_a_body_at_the_limit_is_taken_and_one_byte_more_is_not(listen, image_file):
    data = image_file()
    headers = {"Content-Type": "image/png"}
    with listen(max_body_bytes=len(data)) as client:
        assert client.post("/noise", content=data, headers=headers).status_code == 200
        for body in (data + b"x", iter([data, b"x"])):  # with Content-Length, and chunked
            answer = client.post("/noise", content=body, headers=headers)
            assert answer.status_code == 413
            assert answer.json()["code"] == "too-large"
            assert answer.headers["connection"] == "close"
        assert client.post("/noise", content=data, headers=headers).status_code == 200


def test_a_body_declared_too_long_is_refused_before_it_is_sent(listen, connect):
    with listen(max_body_bytes=1000) as client:
        connection = connect(client)
        connection.sendall(
            f"{HEAD}Expect: 100-continue\r\nContent-Length: 600000000\r\n\r\n".encode()
        )
        assert connection.recv(65536).startswith(b"HTTP/1.1 413 ")


def test_a_client_that_goes_on_sending_still_gets_its_answer(listen, connect):
    """It would be lost if the connection were closed, hence reset, at once."""
    with listen(max_body_bytes=1000) as client:
        connection = connect(client)
        size = 8 << 20
        connection.sendall(f"{HEAD}Content-Length: {size}\r\n\r\n".encode())
        connection.sendall(b"x" * size)
        status, _, body = read_all(connection)
        assert status == 413
        assert json.loads(body)["code"] == "too-large"


def test_an_early_answer_to_a_client_that_never_ends_is_cut_off(listen, connect, monkeypatch):
    monkeypatch.setattr("app.api.middleware.body.LINGER_SECONDS", 0.1)
    with listen(max_body_bytes=1000) as client:
        connection = connect(client)
        connection.sendall(f"{HEAD}Content-Length: 2000\r\n\r\n".encode())
        assert read_all(connection)[0] == 413


def test_a_body_that_does_not_arrive_in_time(listen, connect):
    with listen(body_seconds=0.2) as client:
        connection = connect(client)
        connection.sendall(f"{HEAD}Content-Length: 100\r\n\r\nhalf".encode())
        status, head, body = read_all(connection)
        assert status == 408
        assert json.loads(body)["code"] == "too-slow"
        assert b"connection: close" in head


def test_a_client_that_leaves_half_way_is_counted_and_forgotten(
    listen, connect, image_file, wait_until
):
    with listen() as client:
        connection = connect(client)
        connection.sendall(f"{HEAD}Content-Length: 100\r\n\r\nhalf".encode())
        connection.close()
        wait_until(lambda: 'route="/noise",status="499"} 1.0' in client.get("/metrics").text)
        assert client.post("/noise", files={"image": image_file()}).status_code == 200


def test_an_answer_that_needs_no_body_does_not_wait_for_it(listen, connect):
    with listen() as client:
        connection = connect(client)
        head = HEAD.replace("/noise", "/noise?factor=7")
        connection.sendall(f"{head}Content-Length: 3\r\n\r\n".encode())
        threading.Timer(0.1, connection.sendall, [b"abc"]).start()
        status, _, body = read_all(connection)
        assert status == 422
        assert json.loads(body)["errors"][0]["name"] == "factor"


@pytest.mark.parametrize("limits", [{"max_body_bytes": 1000}, {"body_seconds": 0.2}])
def test_a_body_that_nobody_needs_breaks_no_response_off(listen, connect, caplog, limits):
    """Files are sent while the client is watched, which is to read what it sends."""
    with listen(**limits) as client:
        whole, connection = client.get("/static/app.js").content, connect(client)
        head = "GET /static/app.js HTTP/1.1\r\nHost: x\r\n"
        connection.sendall(f"{head}Transfer-Encoding: chunked\r\n\r\n7d0\r\n".encode())
        connection.sendall(b"x" * 2000)
        status, _, body = read_all(connection)
        assert (status, body) == (200, whole)
    assert not [record for record in caplog.records if record.exc_info]


def test_a_connection_is_kept_for_the_next_request(listen, connect, image_file):
    data = image_file()
    with listen() as client:
        connection = connect(client)
        request = f"{HEAD}Content-Length: {len(data)}\r\n\r\n".encode() + data
        for _ in range(2):
            connection.sendall(request)
            assert connection.recv(1 << 20).startswith(b"HTTP/1.1 200 ")
