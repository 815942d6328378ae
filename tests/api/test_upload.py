"""Whatever is sent in place of a picture gets the right 4xx, and the next request is served."""

import gzip
import struct
import zlib

import pytest

MULTIPART = "multipart/form-data; boundary=x"


def part(name, data, filename="a.png"):
    return (
        (
            f'--x\r\nContent-Disposition: form-data; name="{name}"; filename="{filename}"\r\n\r\n'
        ).encode()
        + data
        + b"\r\n"
    )


def text(name, value):
    head = f'--x\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n'
    return (head + value + "\r\n").encode()


def chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png_that_claims(width, height, data=b""):
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    parts = [(b"IHDR", header), (b"IDAT", zlib.compress(data)), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunk(*entry) for entry in parts)


def hostile(image_file):
    """(what, content type, body, status, code)"""
    good = image_file()
    animated = image_file(kind="GIF", save_all=True, append_images=_frames())
    return [
        ("zero bytes", "image/png", b"", 400, "unreadable-image"),
        ("not an image", "image/png", b"hello" * 99, 415, "unsupported-media-type"),
        ("a page", "image/jpeg", b"<!doctype html><p>", 415, "unsupported-media-type"),
        ("svg", "image/svg+xml", b"<svg xmlns='http://www.w3.org/2000/svg'/>", 415, None),
        ("truncated", "image/png", good[: len(good) // 2], 400, "unreadable-image"),
        ("only a signature", "image/png", good[:8], (400, 415), None),
        ("a header that lies", "image/png", png_that_claims(500, 500, b"\0"), 400, None),
        ("no pixels", "image/png", png_that_claims(0, 5), (400, 415), None),
        ("too many pixels", "image/png", png_that_claims(60_000, 60_000), 413, "too-many-pixels"),
        ("a side too long", "image/png", png_that_claims(70_000, 1), 413, "too-many-pixels"),
        ("animated", "image/gif", animated, 415, "unsupported-media-type"),
        ("no picture, of no type", None, b"{}", 415, "unsupported-media-type"),
        ("urlencoded", "application/x-www-form-urlencoded", good, 415, "unsupported-media-type"),
        ("json", "application/json", b"{}", 415, "unsupported-media-type"),
        ("no boundary", "multipart/form-data", part("image", good), 400, "malformed-form"),
        ("a long boundary", f"{MULTIPART}{'y' * 300}", b"", 400, "malformed-form"),
        ("empty form", MULTIPART, b"", 400, "malformed-form"),
        ("empty but ended", MULTIPART, b"--x--\r\n", 422, "validation"),
        ("another boundary", MULTIPART, b"--y\r\n\r\n", 400, "malformed-form"),
        ("a form cut off", MULTIPART, part("image", good), 400, "malformed-form"),
        ("no file", MULTIPART, part("image", b"") + b"--x--", 400, "unreadable-image"),
        ("two fields", MULTIPART, part("file", good) + part("image", good), 422, "validation"),
        ("no name", MULTIPART, b"--x\r\nA: b\r\n\r\nc\r\n--x--", 422, "validation"),
        ("two files", MULTIPART, part("image", good) * 2 + b"--x--", 422, "validation"),
        ("many texts", MULTIPART, text("x", "y") * 101, 400, "malformed-form"),
        ("a long text", MULTIPART, text("format", "x" * 1001), 422, "validation"),
        ("a text twice", MULTIPART, text("format", "png") * 2, 422, "validation"),
        ("many parts", MULTIPART, part("image", b"") * 5000, 422, "validation"),
        ("endless headers", MULTIPART, b"--x\r\n" + b"A: b\r\n" * 999, 400, "malformed-form"),
        ("a long header", MULTIPART, b"--x\r\nA: " + b"b" * 99_999, 400, "malformed-form"),
    ]


def _frames():
    from PIL import Image

    return [Image.new("RGB", (12, 9), colour) for colour in ("red", "blue")]


@pytest.mark.parametrize("path", ["/denoise", "/noise"])
def test_hostile_uploads(client, image_file, path):
    for what, content_type, body, status, code in hostile(image_file):
        headers = {"Content-Type": content_type} if content_type else {}
        answer = client.post(path, content=body, headers=headers)
        problem = answer.json()
        statuses = status if isinstance(status, tuple) else (status,)
        assert answer.status_code in statuses, (what, problem)
        assert answer.headers["content-type"] == "application/problem+json", what
        assert problem["status"] == answer.status_code, what
        assert code is None or problem["code"] == code, (what, problem)
        assert "Traceback" not in answer.text, what
        assert client.post(path, files={"image": image_file()}).status_code == 200, what


def test_the_field_at_fault_is_named(client, image_file):
    answer = client.post("/compare", files={"picture": image_file()})
    (error,) = answer.json()["errors"]
    assert (error["in"], error["name"]) == ("body", "picture")
    assert "`image`" in error["detail"]


@pytest.mark.parametrize("is_first", [True, False])
def test_a_text_and_a_file_of_one_name_are_that_field_twice(client, image_file, is_first):
    parts = [part("strength", image_file(64, 64)), text("strength", "0.5")]
    body = b"".join(parts if is_first else parts[::-1]) + b"--x--"
    answer = client.post("/denoise", content=body, headers={"Content-Type": MULTIPART})
    assert answer.status_code == 422
    assert "`strength` more than once" in answer.text


@pytest.mark.parametrize("field", ["image", "file", "upload[]", ""])
def test_a_single_file_may_be_in_any_field(client, image_file, field):
    answer = client.post("/denoise", files={field: image_file()})
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "image/png"


@pytest.mark.parametrize("path", ["denoise", "noise", "jobs", "compare"])
@pytest.mark.parametrize("value", ["photo.jpg", "https://example.org/photo.jpg"])
def test_a_name_in_place_of_a_file_is_told_from_it(client, path, value):
    body = text("image", value) + text("reference", value)
    body = body if path == "compare" else text("image", value)
    answer = client.post(f"/{path}", content=body + b"--x--", headers={"Content-Type": MULTIPART})
    assert answer.status_code == 422
    assert "text in place of a file" in answer.json()["detail"]


def test_a_file_that_holds_text_is_a_file(client):
    answer = client.post("/denoise", files={"image": b"photo.jpg"})
    assert answer.status_code == 415


def test_a_file_may_come_without_a_name(client, image_file):
    head = b'--x\r\nContent-Disposition: form-data; name="image"\r\n\r\n'
    body = head + image_file() + b"\r\n--x--"
    answer = client.post("/denoise", content=body, headers={"Content-Type": MULTIPART})
    assert answer.status_code == 200


def test_fields_that_nobody_asks_for_are_ignored(client, image_file):
    body = text("csrf", "secret") + part("second", b"", filename="") + part("image", image_file())
    answer = client.post("/denoise", content=body + b"--x--", headers={"Content-Type": MULTIPART})
    assert answer.status_code == 200


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "TIFF"])
@pytest.mark.parametrize("content_type", [None, "application/octet-stream", "image/x"])
def test_the_first_bytes_tell_what_a_file_is(client, image_file, kind, content_type):
    headers = {"Content-Type": content_type} if content_type else {}
    answer = client.post("/denoise", content=image_file(kind=kind), headers=headers)
    assert answer.status_code == 200
    assert answer.headers["content-type"] == f"image/{kind.lower()}"


def test_parameters_may_be_fields_of_the_form(client, image_file):
    form = {"format": "jpg", "strength": "0", "quality": "", "csrf": "secret"}
    answer = client.post("/denoise", files={"image": image_file()}, data=form)
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "image/jpeg"
    form = {"seed": "7", "factor": "0.1"}
    answer = client.post("/noise?factor=0.1", files={"image": image_file()}, data=form)
    assert answer.headers["x-noise-seed"] == "7"


@pytest.mark.parametrize(
    ("query", "form", "name"),
    [
        ("", {"strength": "2"}, "strength"),
        ("", {"format": "bmp"}, "format"),
        ("?strength=0.5", {"strength": "0.4"}, "strength"),
        ("?format=png", {"format": "jpeg"}, "format"),
    ],
)
def test_a_bad_field_is_named(client, image_file, query, form, name):
    answer = client.post(f"/denoise{query}", files={"image": image_file()}, data=form)
    assert answer.status_code == 422
    (error,) = answer.json()["errors"]
    assert (error["in"], error["name"]) == ("body", name)


def test_a_model_that_is_named_in_the_form_is_looked_for(client, image_file):
    answer = client.post("/denoise", files={"image": image_file()}, data={"model": "vgg"})
    assert answer.status_code == 404


@pytest.mark.parametrize("path", ["/denoise", "/noise", "/compare"])
def test_a_compressed_body_is_refused_by_name(client, image_file, path):
    headers = {"Content-Type": "image/png", "Content-Encoding": "gzip"}
    answer = client.post(path, content=gzip.compress(image_file()), headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (415, "unsupported-encoding")
    assert "gzip" in answer.json()["detail"]
    assert answer.headers["accept-encoding"] == "identity"


@pytest.mark.parametrize("codings", [["identity", "br"], ["identity, br"], ["br", ""]])
def test_a_body_is_compressed_if_any_coding_says_so(client, image_file, codings):
    headers = [("Content-Type", "image/png"), *(("Content-Encoding", each) for each in codings)]
    answer = client.post("/noise", content=image_file(), headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (415, "unsupported-encoding")
    assert "br" in answer.json()["detail"]
    headers = [("Content-Type", "image/png"), *[("Content-Encoding", "Identity")] * 2]
    assert client.post("/noise", content=image_file(), headers=headers).is_success


@pytest.mark.parametrize("name", ["jpg", "JPEG", "image/jpeg", ".jpg", "tif"])
def test_a_format_goes_by_any_of_its_names(client, image_file, name):
    answer = client.post("/denoise", params={"format": name}, files={"image": image_file()})
    expected = "tiff" if name == "tif" else "jpeg"
    assert answer.headers["content-type"] == f"image/{expected}"


def test_a_form_may_come_in_any_pieces(client, image_file):
    """Boundaries and headers that lie across two packets are found all the same."""
    body = part("image", image_file()) + b"--x--\r\nand what follows is nobody's business"

    def pieces(size):
        for start in range(0, len(body), size):
            yield body[start : start + size]

    whole = client.post(
        "/noise", params={"seed": 1}, content=body, headers={"Content-Type": MULTIPART}
    )
    assert whole.status_code == 200
    for size in (1, 7, 64):
        answer = client.post(
            "/noise", params={"seed": 1}, content=pieces(size), headers={"Content-Type": MULTIPART}
        )
        assert answer.content == whole.content


@pytest.mark.parametrize(
    ("files", "name"), [(["reference"], "image"), (["image"], "reference"), (["x"], "x")]
)
def test_compare_needs_both_pictures(client, image_file, files, name):
    answer = client.post("/compare", files={file: image_file() for file in files})
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["name"] == name


def test_compare_takes_a_form_only(client, image_file):
    answer = client.post("/compare", content=image_file(), headers={"Content-Type": "image/png"})
    assert answer.status_code == 415
    assert "`reference` and `image`" in answer.json()["detail"]


@pytest.mark.parametrize(
    ("path", "query", "name"),
    [
        ("/noise", "factor=nan", "factor"),
        ("/noise", "factor=inf", "factor"),
        ("/noise", "factor=7", "factor"),
        ("/noise", "factor=-0.1", "factor"),
        ("/noise", "factor=", "factor"),
        ("/noise", "factor=0.1&factor=0.2&x=1", "factor"),
        ("/noise", "kind=pink", "kind"),
        ("/noise", "channels=both", "channels"),
        ("/noise", "seed=-1", "seed"),
        ("/noise", "seed=1.5", "seed"),
        ("/noise", "seed=9007199254740992", "seed"),
        ("/denoise", "strength=1.1", "strength"),
        ("/denoise", "strength=NaN", "strength"),
        ("/denoise", "colour_strength=1.1", "colour_strength"),
        ("/denoise", "colour_strength=-0.1", "colour_strength"),
        ("/denoise", "colour_strength=nan", "colour_strength"),
        ("/denoise", "colour_strength=", "colour_strength"),
        ("/denoise", "ensemble=3", "ensemble"),
        ("/denoise", "ensemble=eight", "ensemble"),
        ("/jobs", "ensemble=16", "ensemble"),
        ("/denoise", "strenght=1", "strenght"),
        ("/denoise", "format=bmp", "format"),
        ("/denoise", "quality=0", "quality"),
        ("/denoise", "quality=101", "quality"),
        ("/denoise", f"model={'x' * 65}", "model"),
    ],
)
def test_a_bad_parameter_is_named(client, image_file, path, query, name):
    answer = client.post(f"{path}?{query}", files={"image": image_file()})
    assert answer.status_code == 422
    problem = answer.json()
    assert problem["code"] == "validation"
    assert ("query", name) in {(error["in"], error["name"]) for error in problem["errors"]}


def test_bad_parameters_are_explained_in_sentences(client, image_file):
    answer = client.post("/denoise?strenght=1&quality=0", files={"image": image_file()})
    assert answer.json()["detail"] == (
        "quality: Input should be greater than or equal to 1. "
        "strenght: There is no such parameter; /docs lists them."
    )


def test_an_unknown_model_is_named(client, image_file):
    answer = client.post("/denoise", params={"model": "vgg"}, files={"image": image_file()})
    assert answer.status_code == 404
    assert answer.json()["detail"] == "There is no model 'vgg'; there are: blur."
