"""The description is complete, and the service does what it says: schemathesis asks it."""

import io

import pytest
import schemathesis
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from PIL import Image

from app.api.problems import MEDIA_TYPE
from app.main import create_app

READ = ("png", "jpeg", "webp", "tiff", "bmp", "gif")


def picture(kind, mode="RGB"):
    file = io.BytesIO()
    Image.linear_gradient("L").resize((12, 9)).convert(mode).save(file, kind)
    return file.getvalue()


# What a valid picture looks like is more than a schema can say.
for name in READ:
    schemathesis.openapi.media_type(f"image/{name}", st.just(picture(name)))
schemathesis.openapi.format("binary", st.sampled_from([picture("png"), picture("png", "L")]))

schema = schemathesis.openapi.from_dict(create_app().openapi())


@schema.parametrize()
@settings(max_examples=20, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
def test_the_service_is_what_its_description_says(case, client):
    case.call_and_validate(base_url=str(client.base_url))


@pytest.fixture(scope="session")
def description(client):
    return client.get("/openapi.json").json()


def operations(description):
    for path, methods in description["paths"].items():
        for method, operation in methods.items():
            yield f"{method} {path}", operation


def test_every_operation_is_described(description):
    for name, operation in operations(description):
        assert operation["summary"], name
        assert operation["description"], name
        assert operation["tags"], name
        assert {"200", "500"} <= operation["responses"].keys(), name


def test_every_parameter_is_described(description):
    for name, operation in operations(description):
        for parameter in operation.get("parameters", []):
            assert parameter["description"], (name, parameter)


def test_every_error_is_a_problem_with_examples(description):
    for name, operation in operations(description):
        for status, response in operation["responses"].items():
            assert "X-Request-ID" in response["headers"], (name, status)
            if status == "200":
                continue
            content = response["content"][MEDIA_TYPE]
            assert content["schema"] == {"$ref": "#/components/schemas/Problem"}
            for example in content["examples"].values():
                assert example["value"]["status"] == int(status)
            assert ("Retry-After" in response["headers"]) is (status == "503")


def test_pictures_are_taken_both_ways_and_answered_in_every_format(description):
    for path in ("/denoise", "/noise"):
        operation = description["paths"][path]["post"]
        body = operation["requestBody"]["content"].keys()
        assert body == {"multipart/form-data"} | {f"image/{kind}" for kind in READ}
        answered = operation["responses"]["200"]["content"].keys()
        assert answered == {f"image/{kind}" for kind in READ[:4]}
