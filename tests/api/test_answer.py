import io
import socket

import numpy as np
import pytest
from PIL import Image, ImageCms

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


def test_what_is_not_as_it_was_is_named(client, image_file):
    assert "x-image-changes" not in client.post("/denoise", files={"image": image_file()}).headers
    answer = client.post("/denoise", files={"image": image_file(mode="P", kind="GIF")})
    assert answer.headers["x-image-changes"] == "colours, format"


@pytest.mark.parametrize("path", ["/denoise", "/noise"])
def test_metadata_is_stripped_on_request_but_for_the_profile(client, image_file, path):
    exif = Image.Exif()
    exif[0x0112] = 6  # lying on its side
    exif.get_ifd(0x8825)[0x0001] = "N"
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    data = image_file(kind="JPEG", exif=exif, icc_profile=profile, comment=b"a comment")
    kept, stripped = (
        client.post(path, params={"metadata": wish, "format": "jpeg"}, files={"image": data})
        for wish in ("keep", "strip")
    )
    assert b"a comment" in kept.content
    assert kept.headers["x-image-changes"] == "orientation"
    with Image.open(io.BytesIO(kept.content)) as image:
        assert image.getexif().get_ifd(0x8825) == {0x0001: "N"}
    assert b"a comment" not in stripped.content
    assert stripped.headers["x-image-changes"] == "metadata, orientation"
    with Image.open(io.BytesIO(stripped.content)) as image:
        assert image.size == (9, 12)
        assert not image.getexif()
        assert image.info["icc_profile"] == profile
