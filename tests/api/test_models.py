import pytest

from app.api.models import Models
from app.api.problems import ProblemError
from app.inference.batcher import Draining
from app.settings import Settings

pytestmark = pytest.mark.anyio


@pytest.fixture
def make_models(models):
    def make(**settings):
        return Models(Settings(**{"models_dir": models, "model": "blur"} | settings))

    return make


async def test_models_are_ready_once_loaded_and_until_drained(make_models):
    models = make_models()
    assert not models.ready
    with pytest.raises(ProblemError) as refusal:
        models.denoiser(None)
    assert (refusal.value.status, refusal.value.code) == (503, "loading")
    assert refusal.value.headers["Retry-After"].isdigit()

    await models.load()
    assert models.ready
    assert models.failure is None
    assert models.denoiser(None) is models.denoiser("blur")
    with pytest.raises(ProblemError) as refusal:
        models.denoiser("vgg")
    assert refusal.value.status == 404

    await models.close()
    assert not models.ready
    with pytest.raises(Draining):
        models.denoiser("blur")


async def test_a_model_that_is_not_what_its_card_says_is_a_failure(make_models, make_package):
    folder = make_package(sha256="0" * 64)
    models = make_models(models_dir=folder.parent)
    await models.load()
    assert "SHA-256" in str(models.failure)
    assert not models.ready


async def test_a_default_model_that_is_not_there_is_a_failure(make_models):
    models = make_models(model="unet")
    await models.load()
    assert "the default model 'unet'" in str(models.failure)


async def test_whatever_goes_wrong_is_a_failure(make_models, monkeypatch, caplog):
    monkeypatch.setattr("app.api.models.Denoiser.load", lambda *_, **__: 1 / 0)
    models = make_models()
    await models.load()
    assert isinstance(models.failure, ZeroDivisionError)
    assert "the models cannot be loaded" in caplog.text


def test_the_cards_are_told(client):
    listed = client.get("/models").json()
    assert listed["default"] == "blur"
    (card,) = listed["models"]
    assert card["name"] == "blur"
    assert len(card["sha256"]) == 64
    assert client.get("/models/blur").json() == card


def test_before_the_models_are_loaded_only_what_needs_none_is_served(listen, image_file):
    files = {"image": image_file()}
    with listen() as client:
        assert client.get("/health/live").json() == {"status": "live"}
        assert client.post("/noise", files=files).status_code == 200
        for answer in (
            client.get("/health/ready"),
            client.get("/models"),
            client.post("/denoise", files=files),
        ):
            assert answer.status_code == 503
            assert answer.json()["code"] == "loading"
            assert int(answer.headers["retry-after"]) > 0
