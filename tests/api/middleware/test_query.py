import pytest

from app.api.middleware.query import MAX_FIELDS
from app.main import create_app
from app.settings import Settings
from tests.api.conftest import listening


@pytest.mark.parametrize("path", ["/health/live", "/static/style.css", "/nothing"])
def test_a_query_of_too_many_fields_is_refused(path, tmp_path):
    app = create_app(Settings(models_dir=tmp_path, model="blur"))
    with listening(app, lifespan="off") as client:
        most = "&".join(f"a{number}" for number in range(MAX_FIELDS))
        assert client.get(f"{path}?{most}").status_code in (200, 404)
        answer = client.get(f"{path}?{most}&b")
    assert answer.status_code == 400
    assert answer.json()["detail"] == "The query has more than 100 fields."


@pytest.mark.parametrize(
    ("path", "query", "names"),
    [
        ("/noise", "factor=0.1&factor=0.2", ["factor"]),
        ("/noise", "factor=0.1&factor=0.1", ["factor"]),
        ("/denoise", "model=&strength=1&model=blur&strength=0", ["model", "strength"]),
        ("/jobs", "str%65ngth=1&strength=1", ["strength"]),
    ],
)
def test_a_parameter_that_is_there_twice_is_refused_by_name(path, query, names, tmp_path):
    app = create_app(Settings(models_dir=tmp_path, model="blur"))
    with listening(app, lifespan="off") as client:
        answer = client.post(f"{path}?{query}", content=b"an image")
    assert (answer.status_code, answer.json()["code"]) == (422, "validation")
    assert [(each["in"], each["name"]) for each in answer.json()["errors"]] == [
        ("query", name) for name in names
    ]


def test_a_page_takes_any_query(tmp_path):
    app = create_app(Settings(models_dir=tmp_path, model="blur"))
    with listening(app, lifespan="off") as client:
        assert client.get("/?from=a&from=b").status_code == 200
