"""What is in deploy/ fits the service: its settings, its paths, its limits."""

import os
import re
import shutil
import subprocess

import httpx
import pytest
import yaml

from app.main import create_app
from app.settings import PROJECT, Settings
from tests.api.conftest import image_file, listening, wait_until

NGINX = PROJECT / "deploy" / "nginx.conf"
OBJECTS = {
    each["kind"]: each
    for each in yaml.safe_load_all((PROJECT / "deploy" / "kubernetes.yaml").read_text())
}
BYTES = {"m": 1 << 20, "Mi": 1 << 20, "Gi": 1 << 30}


def number(text):
    """Of a quantity such as 4Gi, 64m or 60s."""
    ((value, unit),) = re.findall(r"^([\d.]+)(\w*)$", text)
    return float(value) * BYTES.get(unit, 1)


def directive(name):
    (value,) = re.findall(rf"^\s*{name} (\S+);", NGINX.read_text(), re.MULTILINE)
    return number(value)


@pytest.fixture
def settings():
    return Settings()


@pytest.fixture(scope="module")
def pod():
    return OBJECTS["Deployment"]["spec"]["template"]["spec"]


@pytest.fixture(scope="module")
def container(pod):
    (container,) = pod["containers"]
    return container


def test_nginx_takes_what_the_service_takes(settings):
    assert directive("client_max_body_size") == settings.max_body_bytes
    assert directive("client_header_timeout") == settings.head_seconds
    assert directive("proxy_send_timeout") >= settings.body_seconds
    assert directive("proxy_read_timeout") > settings.timeout_seconds


@pytest.fixture
def nginx(tmp_path, models):
    """nginx by its configuration, but for the ports, before a service without models."""
    program = shutil.which("nginx")
    if program is None:
        pytest.skip("no nginx here: apt-get install nginx-light")
    with listening(create_app(Settings(models_dir=models, model="blur")), "off") as service:
        socket = tmp_path / "nginx.socket"
        text = NGINX.read_text()
        for ours, here in (
            ("listen 80;", f"listen unix:{socket};"),
            ("127.0.0.1:8000", f"127.0.0.1:{service.base_url.port}"),
            ("http {", f"http {{ client_body_temp_path {tmp_path}; access_log off;"),
        ):
            assert ours in text
            text = text.replace(ours, here, 1)
        (tmp_path / "nginx.conf").write_text(text)
        user = "user root; " if os.geteuid() == 0 else ""  # whose folder the socket is in
        process = subprocess.Popen(
            [
                *(program, "-c", tmp_path / "nginx.conf", "-e", "stderr"),
                *("-g", f"{user}daemon off; pid {tmp_path}/pid; error_log stderr;"),
            ]
        )
        try:
            wait_until(socket.exists, 10)
            transport = httpx.HTTPTransport(uds=str(socket))
            with httpx.Client(base_url="http://nginx", transport=transport) as client:
                yield client
        finally:
            process.terminate()
            process.wait()


def test_nginx_passes_pictures_and_problems_through(nginx, settings):
    answer = nginx.post("/noise?seed=1", content=image_file(), headers={"X-Request-ID": "mine"})
    assert answer.status_code == 415  # no type was given: the service's own words
    assert answer.json()["request_id"] == "mine"

    picture = image_file(2000, 1500)
    answer = nginx.post("/noise?seed=1", files={"image": picture})
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "image/png"
    assert answer.headers["x-noise-seed"] == "1"

    assert nginx.post("/denoise", files={"image": picture}).headers["retry-after"]
    too_large = nginx.post("/denoise", content=bytes(settings.max_body_bytes + 1))
    assert too_large.status_code == 413
    assert nginx.get("/metrics").status_code == 403


def test_the_pod_has_settings_that_there_are(container):
    names = {f"DENOISER_{name.upper()}" for name in Settings.model_fields}
    assert {each["name"] for each in container["env"]} <= names
    assert OBJECTS["Service"]["spec"]["ports"][0]["targetPort"] == container["ports"][0]["name"]


def test_the_pod_has_memory_for_what_the_service_may_hold(container, settings):
    limits, threads = container["resources"]["limits"], container["env"][0]
    assert number(limits["memory"]) >= settings.memory_bytes + (1 << 30)
    assert threads == {"name": "DENOISER_THREADS", "value": limits["cpu"]}


def test_the_pod_has_time_to_finish(pod, container, settings):
    before = container["lifecycle"]["preStop"]["sleep"]["seconds"]
    assert pod["terminationGracePeriodSeconds"] > before + settings.drain_seconds + 5


def test_the_probes_ask_for_paths_that_there_are(container):
    paths = create_app().openapi()["paths"]
    for probe in ("startupProbe", "readinessProbe", "livenessProbe"):
        assert container[probe]["httpGet"]["path"] in paths


def test_the_pod_can_do_no_more_than_it_must(pod, container):
    assert pod["securityContext"]["runAsNonRoot"]
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
