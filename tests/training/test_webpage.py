from html.parser import HTMLParser

from training.log import Log
from training.webpage import webpage


class Page(HTMLParser):
    """Its words, and the pictures it shows."""

    def __init__(self, text):
        super().__init__()
        self.words, self.pictures = "", []
        self.feed(text)

    def handle_data(self, data):
        self.words += data

    def handle_starttag(self, tag, attrs):
        if tag == "img":
            self.pictures.append(dict(attrs)["src"])


def test_it_tells_how_the_run_went(tmp_path):
    log = Log(tmp_path, 0)
    for epoch, psnr in enumerate((30.0, 31.5, 31.0)):
        row = {"epoch": epoch, "step": 10 * epoch + 10, "loss": 0.25, "validation_psnr": psnr}
        log.append(row)
    (tmp_path / "loss.png").touch()
    page = Page(webpage(tmp_path, ["python -m training package 'a <b>'"]))
    assert "30 steps, at best 31.50 dB on held-out images" in page.words
    assert "python -m training package 'a <b>'" in page.words
    assert page.pictures == ["loss.png"]


def test_a_run_without_an_epoch_has_a_page(tmp_path):
    assert "no steps" in Page(webpage(tmp_path, [])).words
