import pytest

from app.main import create_app
from app.settings import Settings
from tests.api.conftest import listening

PAGES = ("/", "/about-models", "/static/style.css")


@pytest.fixture(scope="module")
def client(tmp_path_factory):
    folder = tmp_path_factory.mktemp("models")
    app = create_app(Settings(models_dir=folder, model="blur"))
    with listening(app, lifespan="off") as found:
        yield found


@pytest.mark.parametrize("path", PAGES)
@pytest.mark.parametrize(
    "asked",
    ["bytes=0-9", "bytes=9-0", "bytes=99999999-", "bytes=a", "lines=1-2", "", "bytes=0-,1-"],
)
def test_files_come_whole_whatever_part_is_asked_for(client, path, asked):
    whole = client.get(path)
    answer = client.get(path, headers={"Range": asked, "If-Range": '"other"'})
    assert (answer.status_code, answer.content) == (200, whole.content)
    assert answer.headers["accept-ranges"] == "none"


@pytest.mark.parametrize("path", PAGES)
def test_what_the_client_has_is_not_sent_again(client, path):
    first = client.get(path)
    again = client.get(path, headers={"If-None-Match": first.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    assert client.get(path, headers={"If-None-Match": '"other"'}).status_code == 200
