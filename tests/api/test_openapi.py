"""The description is complete, and the service does what it says: schemathesis asks it."""

import io
from functools import partial
from typing import Any

import imagecodecs
import numpy as np
import pytest
import schemathesis
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from PIL import Image
from schemathesis import GenerationMode
from schemathesis.specs.openapi.checks import positive_data_acceptance

from app.api.problems import MEDIA_TYPE
from app.imaging import formats
from app.main import create_app
from app.service.keys import hash_of
from app.settings import Settings
from tests.api.conftest import listening, wait_until
from tests.fidelity import files

JPEG_2000 = ("jp2", "j2c", "jpx", "jph", "jphc")
PNM = [f"x-portable-{kind}map" for kind in ("any", "arbitrary", "bit", "gray", "pix")]
READ = (
    "png",
    "jpeg",
    "webp",
    "tiff",
    "bmp",
    "gif",
    "avif",
    "jxl",
    "heic",
    "heif",
    *JPEG_2000,
    *PNM,
)
SCANS = {
    "application/dicom": files.dicom(files.NOISE[..., 0]),
    **dict.fromkeys(
        ("application/zip", "application/x-zip-compressed"),
        files.zipped(*files.series(files.NOISE[None, ..., 0])),
    ),
    **dict.fromkeys(("image/fits", "application/fits"), files.fits(files.NOISE[..., 0])),
    "image/x-fits-gzip": files.gzipped(partial(files.fits, files.NOISE[..., 0])),
    "image/x-nifti": files.nifti(files.NOISE[None, ..., 0]),
    "image/x-mgh": files.mgh(files.NOISE[None, ..., 0]),
    "image/x-mgz": files.mgh(files.NOISE[None, ..., 0], packed=True),
    "image/x-metaimage": files.mha(files.NOISE[..., 0]),
    "image/x-nrrd": files.nrrd(files.NOISE[..., 0]),
    "application/gzip": files.nifti(files.NOISE[None, ..., 0], packed=True),
}


def picture(kind, mode="RGB"):
    image, file = Image.linear_gradient("L").resize((12, 9)).convert(mode), io.BytesIO()
    if kind == "jxl":  # which Pillow has not
        return bytes(imagecodecs.jpegxl_encode(np.asarray(image)))
    if kind in JPEG_2000:
        return bytes(imagecodecs.jpeg2k_encode(np.asarray(image)))
    if kind in ("heic", "heif"):
        return files.heic(np.asarray(image), 8)
    image.save(file, "ppm" if kind in PNM else kind)
    return file.getvalue()


# What a valid picture looks like is more than a schema can say.
for name in READ:
    schemathesis.openapi.media_type(f"image/{name}", st.just(picture(name)))
for media_type, data in SCANS.items():
    schemathesis.openapi.media_type(media_type, st.just(data))
schemathesis.openapi.format("range", st.sampled_from(["auto", "full", "-1e3:4095", "0:0.5"]))
schemathesis.openapi.format("binary", st.sampled_from([picture("png"), picture("png", "L")]))

schema = schemathesis.openapi.from_dict(create_app().openapi())


BOUNDED: dict[str, Any] = {
    "derandomize": True,
    "suppress_health_check": list(HealthCheck),
    "database": None,
}


def beyond_schemas(response):
    """The check that all is accepted, where what was sent cannot be had in the format asked for."""
    is_that = response.status_code == 422 and response.json()["code"] == "unsuitable-format"
    return [positive_data_acceptance] if is_that else []


def ask(case, **call):
    response = case.call(**call)
    case.validate_response(
        response,
        excluded_checks=beyond_schemas(response),
        headers=call.get("headers"),
        transport_kwargs=call,
    )


@schema.parametrize()
@settings(max_examples=20, **BOUNDED)
def test_the_service_is_what_its_description_says(case, client):
    ask(case, base_url=str(client.base_url))


def test_what_the_description_forbids_is_sent_too():
    assert set(schema.config.generation.modes) == set(GenerationMode)


def test_answers_lead_to_further_requests(client):
    """Schemathesis follows the links from answer to answer, good requests among bad ones."""

    def where(self, case):
        asked.add(case.operation.path)
        return {"base_url": str(client.base_url)}

    asked: set[str] = set()

    def check(self, response, case, *_, **__):
        excluded, call = beyond_schemas(response), where(self, case)
        case.validate_response(response, excluded_checks=excluded, transport_kwargs=call)

    own = {"get_call_kwargs": where, "validate_response": check}
    machine: Any = type("Machine", (schema.as_state_machine(),), own)
    machine.run(settings=settings(max_examples=15, stateful_step_count=8, **BOUNDED))
    assert {"/models", "/models/{name}", "/denoise", "/noise"} <= asked


def test_every_link_leads_somewhere(description):
    operations_by_id = {
        operation["operationId"]: operation for _, operation in operations(description)
    }
    found = 0
    for _, operation in operations(description):
        for link in answered(operation).get("links", {}).values():
            names = {entry["name"] for entry in operations_by_id[link["operationId"]]["parameters"]}
            assert link["parameters"].keys() <= names
            found += 1
    assert found >= 8


KEY = "denoiser_for-this-test"


@pytest.fixture(scope="module")
def guarded(models):
    app = create_app(
        Settings(models_dir=models, model="blur", api_keys=hash_of(KEY), rate_per_minute=10_000)
    )
    with listening(app) as client:
        wait_until(lambda: client.get("/health/ready").status_code == 200)
        yield client


guarded_schema = schemathesis.openapi.from_dict(
    create_app(Settings(api_keys=hash_of(KEY), rate_per_minute=1)).openapi()
)


@guarded_schema.parametrize()
@settings(max_examples=5, **BOUNDED)
def test_keys_are_needed_where_the_description_says_so(case, guarded):
    """Among the checks is one that leaves the key out, and sends a wrong one."""
    headers = {"Authorization": f"Bearer {KEY}"}
    ask(case, base_url=str(guarded.base_url), headers=headers)


@pytest.fixture(scope="session")
def description(client):
    return client.get("/openapi.json").json()


def operations(description):
    for path, methods in description["paths"].items():
        for method, operation in methods.items():
            yield f"{method} {path}", operation


def answered(operation):
    """What it answers when all is well, with one status."""
    (found,) = (each for status, each in operation["responses"].items() if status.startswith("2"))
    return found


def test_every_operation_is_described(description):
    for name, operation in operations(description):
        assert operation["summary"], name
        assert operation["description"], name
        assert operation["tags"], name
        assert answered(operation)["description"], name
        assert "500" in operation["responses"], name


def test_every_parameter_is_described(description):
    for name, operation in operations(description):
        for parameter in operation.get("parameters", []):
            assert parameter["description"], (name, parameter)


def test_every_error_is_a_problem_with_examples(description):
    for name, operation in operations(description):
        for status, response in operation["responses"].items():
            assert "X-Request-ID" in response["headers"], (name, status)
            if status.startswith("2"):
                continue
            content = response["content"][MEDIA_TYPE]
            assert content["schema"] == {"$ref": "#/components/schemas/Problem"}
            for example in content["examples"].values():
                assert example["value"]["status"] == int(status)
            assert ("Retry-After" in response["headers"]) is (status in ("429", "503"))


def test_pictures_are_taken_both_ways_and_answered_in_every_format(description):
    for path in ("/denoise", "/noise", "/jobs"):
        operation = description["paths"][path]["post"]
        body = operation["requestBody"]["content"].keys()
        own = {"multipart/form-data", "application/octet-stream"}
        assert body == own | {f"image/{kind}" for kind in READ} | SCANS.keys()
        if path != "/jobs":
            kinds = operation["responses"]["200"]["content"].keys()
            assert kinds == {each.media_type for each in formats.written()}
