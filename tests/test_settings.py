import pytest
from pydantic import ValidationError

from app.imaging.codec import MAX_SIDE
from app.settings import PROJECT, Settings


def test_defaults(monkeypatch):
    for name in Settings.model_fields:
        monkeypatch.delenv(f"DENOISER_{name.upper()}", raising=False)
    settings = Settings()
    assert (settings.host, settings.port, settings.model) == ("127.0.0.1", 8000, "unet")
    assert settings.models_dir == PROJECT / "models"
    assert settings.max_side == MAX_SIDE


def test_the_environment_sets_them(monkeypatch):
    monkeypatch.setenv("DENOISER_PORT", "9000")
    monkeypatch.setenv("DENOISER_PRECISION", "float32")
    settings = Settings()
    assert (settings.port, settings.precision) == (9000, "float32")


@pytest.mark.parametrize(
    "wrong",
    [
        {"port": 70_000},
        {"max_body_bytes": 0},
        {"max_pixels": -1},
        {"drain_seconds": 0},
        {"precision": "float8"},
        {"log_level": "loud"},
        {"api_keys": "denoiser_the-key-itself"},
        {"rate_per_minute": -1},
        {"trusted_proxies": "*"},
        {"trusted_proxies": "10.0.0.1/8"},
        {"cors_origins": "https://example.org/page"},
        {"no_such_setting": 1},
    ],
)
def test_what_makes_no_sense_is_refused(wrong):
    with pytest.raises(ValidationError, match=next(iter(wrong))):
        Settings(**wrong)


def test_several_values_have_commas_between(monkeypatch):
    monkeypatch.setenv("DENOISER_API_KEYS", f"{'0a' * 32}, {'0B' * 32},")
    monkeypatch.setenv("DENOISER_TRUSTED_PROXIES", "10.0.0.0/8,::1")
    monkeypatch.setenv("DENOISER_CORS_ORIGINS", "")
    settings = Settings()
    assert settings.api_keys == ("0a" * 32, "0b" * 32)
    assert [str(network) for network in settings.trusted_proxies] == ["10.0.0.0/8", "::1/128"]
    assert settings.cors_origins == ()


def test_every_setting_says_what_it_is_for():
    for name, field in Settings.model_fields.items():
        assert field.description, name
        assert field.description.endswith("."), name


def test_the_largest_picture_fits_into_the_memory():
    settings = Settings()
    assert settings.max_body_bytes + settings.max_pixels * 16 < settings.memory_bytes


@pytest.mark.parametrize(
    ("variable", "hint"),
    [
        ("DENOISER_API_KEY", "; did you mean DENOISER_API_KEYS?"),
        ("denoiser_max_pixel", "; did you mean DENOISER_MAX_PIXELS?"),
        ("DENOISER_Q", ""),
    ],
)
def test_a_variable_that_sets_nothing_is_refused(monkeypatch, variable, hint):
    monkeypatch.setenv(variable, "1")
    with pytest.raises(ValidationError) as refused:
        Settings()
    assert refused.value.errors()[0]["msg"] == f"{variable} is not a setting{hint}"
