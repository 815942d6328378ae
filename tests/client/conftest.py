"""A real service for the client's tests, and one that answers what it is told to."""

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from app.main import create_app
from app.settings import Settings
from tests.api.conftest import listening, wait_until


@pytest.fixture(scope="session")
def service(models):
    """The address of a service with the model `blur`."""
    with listening(create_app(Settings(models_dir=models, model="blur"))) as client:
        wait_until(lambda: client.get("/health/ready").status_code == 200)
        yield str(client.base_url)


@pytest.fixture
def answering():
    """Starts a server of these answers (status, headers, body), which keeps what it is sent."""
    servers = []

    def start(*answers):
        left, requests = list(answers), []

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                self.rfile.read(int(self.headers.get("content-length", 0)))
                requests.append(self.headers)
                status, headers, body = left.pop(0)
                self.send_response(status)
                for name, value in {"Content-Length": str(len(body)), **headers}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(body)

            def do_GET(self):
                self.do_POST()

            def log_message(self, *_):
                """Nothing is logged."""

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=server.serve_forever, args=(0.01,)).start()
        servers.append(server)
        return f"http://127.0.0.1:{server.server_port}", requests

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()
