"""What CI runs of `python -m tests.hostile`, and what that has found."""

import pytest

from tests.fidelity.files import NOISE, by_pillow
from tests.hostile.corpus import bombs, corpus
from tests.hostile.peak import peak

GOOD = by_pillow(NOISE, "PNG")
HEADERS = {"Content-Type": "image/x"}


def test_hostile_files_get_a_picture_or_a_4xx_and_harm_nobody(client):
    for file in corpus(500):
        answer = client.post("/denoise", content=file.data, headers=HEADERS)
        assert answer.status_code in (200, 400, 413, 415, 422), (file.name, answer.text)
        again = client.post("/denoise", content=GOOD, headers=HEADERS)
        assert again.status_code == 200, (file.name, again.text)


def test_the_same_seed_gives_the_same_files():
    assert corpus(200) == corpus(200)
    assert corpus(200)[20:] != corpus(200, seed=2)[20:]


@pytest.mark.parametrize("bomb", bombs(), ids=lambda bomb: bomb.name)
def test_bombs_are_refused_before_their_pixels_are_allocated(bomb):
    answer, growth = peak(bomb.data)
    # What claims to be within the limits may take what it claims: 7,900 x 7,900 bytes.
    assert growth < (4 << 20 if answer == "TooManyPixels" else 64 << 20)
