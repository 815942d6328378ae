import gc

import pytest

from app.inference.batcher import Draining
from app.service.errors import Loading, UnknownModel
from app.service.models import Models
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
    with pytest.raises(Loading):
        models.denoiser(None)

    await models.load()
    assert models.ready
    assert models.failure is None
    assert models.denoiser(None) is models.denoiser("blur")
    with pytest.raises(UnknownModel, match="there is no model 'vgg'; there are: blur"):
        models.denoiser("vgg")

    await models.close()
    assert not models.ready
    with pytest.raises(Draining):
        models.require_open()


async def test_models_may_be_loaded_while_a_thread_looks_at_them(make_models):
    models = make_models()
    looking = iter(models.loaded.values())
    await models.load()
    assert list(looking) == []
    await models.close()


async def test_the_default_is_loaded_first(make_models, models_for_scans, caplog):
    models = make_models(models_dir=models_for_scans, model="scans")
    with caplog.at_level("INFO"):
        await models.load()
    names = [words.split()[1] for words in caplog.messages if words.startswith("model ")]
    assert names == ["scans", "blur"]
    await models.close()


async def test_scans_of_a_modality_have_a_model_of_their_own(make_models, models_for_scans):
    models = make_models(models_dir=models_for_scans)
    await models.load()
    assert models.denoiser(None, "MR") is models.denoiser("scans")
    assert models.denoiser(None, "CT") is models.denoiser(None) is models.denoiser("blur", "MR")
    await models.close()


async def test_garbage_collection_is_short_once_models_are_loaded(make_models):
    models = make_models()
    gc.unfreeze()
    before = len(gc.get_objects())
    await models.load()
    assert len(gc.get_objects()) < before / 10
    await models.close()


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
    monkeypatch.setattr("app.service.models.Denoiser.load", lambda *_, **__: 1 / 0)
    models = make_models()
    await models.load()
    assert isinstance(models.failure, ZeroDivisionError)
    assert "the models cannot be loaded" in caplog.text
