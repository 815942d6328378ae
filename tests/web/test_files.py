"""The static files of the page: without a build step, browsers get them unchanged."""

import re
from html.parser import HTMLParser
from pathlib import Path

import pytest

import app.web
from app.imaging.noise import NoiseKind

WEB = Path(app.web.__file__).parent
STATIC = WEB / "static"
INDEX = (WEB / "index.html").read_text()
PAGES = {page.name: page.read_text() for page in WEB.glob("*.html")}
SCRIPTS = {path.name: path.read_text() for path in STATIC.glob("*.js")}
OTHERS = {path.name: path.read_text() for end in ("css", "svg") for path in STATIC.glob(f"*.{end}")}
TEXTS = PAGES | SCRIPTS | OTHERS
VOID = {"br", "hr", "img", "input", "link", "meta"}


class Document(HTMLParser):
    """Elements with their attributes; fails where tags do not nest."""

    def __init__(self):
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.inline: list[str] = []
        self._open: list[str] = []

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self._open.append(tag)

    def handle_endtag(self, tag):
        assert self._open, f"</{tag}> closes nothing"
        assert self._open.pop() == tag

    def handle_data(self, data):
        if self._open and self._open[-1] in {"script", "style"} and data.strip():
            self.inline.append(data)

    def close(self):
        super().close()
        assert not self._open, f"not closed: {self._open}"


@pytest.fixture(scope="module", params=PAGES)
def document(request):
    document = Document()
    document.feed(PAGES[request.param])
    document.close()
    return document


def scripts_of(document):
    """The sources of the modules that a page loads, including their imports."""
    found: set[str] = set()
    left = [Path(name).name for name in attributes(document, "src") if name.endswith(".js")]
    while left:
        name = left.pop()
        found.add(name)
        left += [
            each for each in re.findall(r'from "\./([\w.]+)"', SCRIPTS[name]) if each not in found
        ]
    return [SCRIPTS[name] for name in found]


def attributes(document, name):
    return [attrs[name] for _, attrs in document.elements if attrs.get(name)]


def test_the_page_is_well_formed_and_every_id_is_unique(document):
    ids = attributes(document, "id")

    assert INDEX.lower().startswith("<!doctype html>")
    assert len(ids) == len(set(ids))


def test_nothing_is_inline_so_that_a_strict_policy_holds(document):
    assert document.inline == []
    for tag, attrs in document.elements:
        assert tag != "style"
        assert "style" not in attrs
        assert not any(name.startswith("on") for name in attrs), tag
        assert not (attrs.get("href") or "").startswith("javascript:")


def test_the_page_brings_its_own_policy(document):
    policies = [
        attrs["content"]
        for _, attrs in document.elements
        if attrs.get("http-equiv") == "Content-Security-Policy"
    ]

    assert len(policies) == 1
    assert "default-src 'self'" in policies[0]
    assert "unsafe" not in policies[0]


@pytest.mark.parametrize("name", TEXTS)
def test_no_file_names_another_host(name):
    text = TEXTS[name].replace('xmlns="http://www.w3.org/2000/svg"', "")

    assert re.findall(r"https?:|\bwss?:|[\"'(]//", text) == []


@pytest.mark.parametrize("name", SCRIPTS)
def test_scripts_make_no_code_or_markup_of_text(name):
    forbidden = r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\b|new Function"

    assert re.findall(forbidden, SCRIPTS[name]) == []
    assert 'setAttribute("style"' not in SCRIPTS[name]


def test_every_library_of_others_has_its_licence_beside_it():
    libraries = list((STATIC / "vendor").glob("*.js"))

    assert libraries
    for library in libraries:
        assert library.with_suffix(".LICENSE.txt").is_file()
        assert f"`{library.name}`" in (STATIC / "vendor" / "README.md").read_text()


def test_every_file_that_is_asked_for_is_there(document):
    from_page = [*attributes(document, "src"), *attributes(document, "href")]
    local = [reference for reference in from_page if reference.startswith("static/")]
    styles = re.findall(r'url\("?([^")]+)"?\)', TEXTS["style.css"])

    assert len(local) >= 3
    assert [each for each in local if not (WEB / each).is_file()] == []
    assert [each for each in styles if not (STATIC / each).is_file()] == []


def test_every_kind_of_noise_is_offered_and_explained(document):
    options = re.search(r'<select id="kind".*?</select>', INDEX, re.DOTALL)
    assert options
    offered = re.findall(r'<option value="([^"]+)"', options[0])
    hints = re.search(r"const KINDS = \{(.*?)\};", SCRIPTS["words.js"], re.DOTALL)
    assert hints
    explained = re.findall(r'^  "?([a-z-]+)"?:', hints[1], re.MULTILINE)

    assert offered[0] == NoiseKind.CAMERA
    assert set(offered) == set(explained) == set(NoiseKind)
    assert set(attributes(document, "data-kind")) <= set(NoiseKind)


def test_every_element_that_is_looked_up_exists(document):
    ids = set(attributes(document, "id"))
    from_scripts = {
        each
        for text in scripts_of(document)
        for each in re.findall(r"(?:\$|getElementById|\bon)\(\"([\w-]+)\"", text)
    }
    from_page = {
        each
        for name in ("for", "aria-labelledby", "aria-describedby")
        for value in attributes(document, name)
        for each in value.split()
    }

    assert len(from_scripts) > 5
    assert from_scripts - ids == set()
    assert from_page - ids == set()


@pytest.mark.parametrize("name", SCRIPTS)
def test_modules_import_what_others_export(name):
    for names, source in re.findall(r"import \{([^}]+)\} from \"\./([\w.]+)\"", SCRIPTS[name]):
        for each in names.split(","):
            imported = each.split(" as ")[0].strip()
            exported = rf"export (async )?(function|const|class) {imported}\b"
            assert re.search(exported, SCRIPTS[source]), f"{source} has no {imported}"


def test_every_control_has_a_name(document):
    labelled = set(attributes(document, "for"))
    for tag, attrs in document.elements:
        if tag in {"select", "input"} and attrs.get("type") != "radio":
            assert attrs["id"] in labelled or attrs.get("aria-label"), attrs
        if tag == "img":
            assert "alt" in attrs
