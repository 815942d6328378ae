import pytest

from tests.reference import DOCS, PAGES


@pytest.mark.parametrize("name", PAGES)
def test_the_page_lists_what_the_code_has(name, monkeypatch):
    for variable in ("HOST", "PORT", "MODEL", "MODELS_DIR"):
        monkeypatch.delenv(f"DENOISER_{variable}", raising=False)
    written = (DOCS / name).read_text()
    assert written == PAGES[name](), f"docs/{name} is behind: run python -m tests.reference"
