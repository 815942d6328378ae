import socket

import numpy as np
import pytest
from PIL import Image

from app.api.answer import PIECE


@pytest.fixture
def large(tmp_path):
    """A file whose noisy picture is far larger than what a socket holds."""
    Image.fromarray(np.zeros((2500, 2500), np.uint8)).save(tmp_path / "large.png")
    return (tmp_path / "large.png").read_bytes()


def test_a_large_picture_comes_whole(listen, large):
    with listen() as client:
        answer = client.post("/noise", content=large, headers={"Content-Type": "image/png"})
        assert len(answer.content) == int(answer.headers["content-length"]) > 10 * PIECE
        assert answer.content.endswith(b"IEND\xaeB`\x82")


def test_a_client_that_does_not_read_is_left_and_its_memory_freed(listen, large, wait_until):
    with listen(answer_seconds=0.2) as client:
        address = (client.base_url.host, client.base_url.port)
        with socket.create_connection(address, 20) as connection:
            head = f"POST /noise HTTP/1.1\r\nHost: x\r\nContent-Length: {len(large)}\r\n"
            connection.sendall(f"{head}Content-Type: image/png\r\n\r\n".encode() + large)
            assert connection.recv(12) == b"HTTP/1.1 200"

            def freed() -> bool:
                return "denoiser_held_bytes 0.0" in client.get("/metrics").text

            wait_until(freed)


def test_a_picture_can_be_saved_under_its_name(client, image_file):
    answer = client.post("/noise", files={"image": image_file()})
    assert answer.headers["content-disposition"] == 'inline; filename="noisy.png"'
