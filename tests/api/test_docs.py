import base64
import hashlib
import re

import pytest


@pytest.mark.parametrize("path", ["/", "/docs", "/redoc"])
def test_pages_load_from_here_only(client, path):
    page = client.get(path)
    assert page.status_code == 200
    assert page.headers["content-type"].startswith("text/html")
    loaded = re.findall(r'<(?:script|link|img)[^>]*(?:src|href)="([^"]+)"', page.text)
    assert loaded
    for address in loaded:
        assert "//" not in address
        assert client.get(f"/{address.lstrip('/')}").status_code == 200, address


@pytest.mark.parametrize("path", ["/docs", "/redoc"])
def test_scripts_inside_a_page_are_named_in_its_policy(client, path):
    page = client.get(path)
    policy = page.headers["content-security-policy"]
    (script_policy,) = re.findall(r"script-src ([^;]+)", policy)
    assert "unsafe" not in script_policy
    for script in re.findall(r"<script>(.*?)</script>", page.text, re.DOTALL):
        digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
        assert f"'sha256-{digest}'" in script_policy


def test_redoc_asks_no_other_host_for_its_logo(client):
    script = client.get("/docs-assets/redoc.standalone.js")
    assert script.headers["content-type"].startswith("text/javascript")
    assert "createElement" in script.text
    assert "cdn.redoc.ly" not in script.text
