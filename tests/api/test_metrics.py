import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from app.main import create_app
from app.settings import Settings


def samples(text):
    return {
        (sample.name, *sorted(sample.labels.values())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def test_requests_stages_and_pixels_are_counted(client, image_file):
    before = samples(client.get("/metrics").text)
    client.post("/denoise", files={"image": image_file(12, 9)})
    client.post("/denoise", files={"image": b"rubbish"})
    client.get("/nothing/at/all")
    after = samples(client.get("/metrics").text)

    def more(*key):
        return after[key] - before.get(key, 0)

    assert more("denoiser_requests_total", "/denoise", "200", "POST") == 1
    assert more("denoiser_requests_total", "/denoise", "415", "POST") == 1
    assert more("denoiser_requests_total", "404", "GET", "other") == 1
    assert more("denoiser_request_seconds_count", "/denoise") == 2
    assert more("denoiser_pixels_total", "/denoise") == 12 * 9
    for stage, times in (("decode", 2), ("queue", 1), ("infer", 1), ("encode", 1)):
        assert more("denoiser_stage_seconds_count", stage) == times
    assert more("denoiser_batches_total", "blur") == 1
    assert after["denoiser_ready",] == 1
    assert after["denoiser_queue_pixels", "blur"] == 0
    assert after["process_resident_memory_bytes",] > 0


def test_a_strange_method_makes_no_label_of_its_own(client):
    client.request("PROPFIND", "/models")
    found = samples(client.get("/metrics").text)
    assert found["denoiser_requests_total", "/models", "405", "other"] == 1


@pytest.mark.parametrize("media_type", ["text/plain", "application/openmetrics-text"])
def test_the_format_is_the_one_that_is_asked_for(client, media_type):
    answer = client.get("/metrics", headers={"Accept": media_type})
    assert answer.headers["content-type"].startswith(media_type)
    assert answer.headers["vary"] == "Accept"


def test_versions_that_are_no_numbers_are_not_found_but_metrics_are(client):
    for media_type in ("application/openmetrics-text", "text/plain"):
        answer = client.get("/metrics", headers={"Accept": f"{media_type};version=latest"})
        assert answer.status_code == 200
        assert "denoiser_ready" in answer.text


@pytest.mark.anyio
async def test_applications_do_not_share_their_metrics(models):
    for _ in range(2):
        app = create_app(Settings(models_dir=models, model="blur"))
        async with httpx.AsyncClient(
            transport=httpx.ASGITransport(app), base_url="http://x"
        ) as client:
            await client.get("/models")
            found = samples((await client.get("/metrics")).text)
        assert found["denoiser_requests_total", "/models", "503", "GET"] == 1
        assert found["denoiser_ready",] == 0
