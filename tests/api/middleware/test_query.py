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
