"""What is in deploy/ fits the service: its settings, its paths, its limits."""

import os
import re
import shutil
import subprocess
from typing import Any

import httpx
import kubernetes_validate
import pytest
import yaml

from app.bulk.shards import Shard, read_shard
from app.cli import main
from app.console import FAILED, UNFINISHED
from app.main import create_app
from app.settings import PROJECT, Settings
from tests.api.conftest import image_file, listening, wait_until

NGINX = PROJECT / "deploy" / "nginx.conf"
KUBERNETES = PROJECT / "deploy" / "kubernetes"


def built(name):
    """The objects of a kustomization, by kind: its files, with JSON patches (RFC 6902) applied."""
    folder = KUBERNETES / name
    kustomization = yaml.safe_load((folder / "kustomization.yaml").read_text())
    objects: dict[str, Any] = {}
    for resource in kustomization["resources"]:
        path = folder / resource
        if path.is_dir():
            objects |= built(resource.rpartition("/")[2])
        else:
            objects |= {each["kind"]: each for each in yaml.safe_load_all(path.read_text())}
    for patch in kustomization.get("patches", []):
        target = objects[patch["target"]["kind"]]
        assert target["metadata"]["name"] == patch["target"]["name"]
        for change in yaml.safe_load(patch["patch"]):
            *parents, last = change["path"].strip("/").split("/")
            place = target
            for step in parents:
                place = place[int(step) if isinstance(place, list) else step]
            if isinstance(place, list):
                place[int(last)] = change["value"]
            else:
                assert (change["op"] == "replace") == (last in place)
                place[last] = change["value"]
    return objects


OBJECTS = built("service")
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
    answer = nginx.post("/noise?seed=1", content=b"a letter", headers={"X-Request-ID": "mine"})
    assert answer.status_code == 415
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


@pytest.mark.parametrize("name", ["service", "gpu", "bulk"])
def test_kubernetes_knows_every_field(name):
    for each in built(name).values():
        kubernetes_validate.validate(each, "1.33", strict=True)


def test_a_field_that_is_misspelt_would_be_found():
    job = built("bulk")["Job"]
    job["spec"]["backoffLimitPerIndexes"] = 1
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(job, "1.33", strict=True)


def test_the_gpu_variant_has_a_gpu_and_its_image():
    objects = built("gpu")
    (container,) = objects["Deployment"]["spec"]["template"]["spec"]["containers"]
    assert container["resources"]["limits"]["nvidia.com/gpu"] == 1
    assert container["image"] == "denoiser:gpu"
    assert container["env"][0] == {"name": "DENOISER_THREADS", "value": "4"}
    (metric,) = objects["HorizontalPodAutoscaler"]["spec"]["metrics"]
    named = metric["pods"]["metric"]["name"]
    assert f"| `{named}` " in (PROJECT / "docs" / "metrics.md").read_text()


def test_the_bulk_job_has_a_shard_for_each_completion(monkeypatch):
    job = built("bulk")["Job"]["spec"]
    (container,) = job["template"]["spec"]["containers"]
    assert job["completionMode"] == "Indexed"
    command = container["command"]
    shard = read_shard(command[command.index("--shard") + 1], {"JOB_COMPLETION_INDEX": "0"})
    assert shard == Shard(0, job["completions"])
    (codes,) = [rule["onExitCodes"] for rule in job["podFailurePolicy"]["rules"][1:]]
    assert codes["containerName"] == container["name"]
    assert FAILED in codes["values"]
    assert UNFINISHED not in codes["values"]
    monkeypatch.setattr("app.bulk.command.denoise", lambda request, *_: 42 + len(request.source))
    assert main(command[1:]) == 42 + len("s3://SRC/folder")
