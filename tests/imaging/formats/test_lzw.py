import imagecodecs
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.imaging.formats.tiff import lzw
from app.imaging.picture import UnreadableImage


def packed(*codes, low_first=False):
    """Codes of 9 bits as a stream."""
    if low_first:
        bits = "".join(f"{code:09b}"[::-1] for code in codes)
        octets = [bits[place : place + 8][::-1] for place in range(0, len(bits), 8)]
    else:
        bits = "".join(f"{code:09b}" for code in codes)
        octets = [bits[place : place + 8].ljust(8, "0") for place in range(0, len(bits), 8)]
    return bytes(int(octet, 2) for octet in octets)


@pytest.mark.parametrize("size", [0, 1, 100, 5_000, 100_000, 2_000_000])
@pytest.mark.parametrize("levels", [1, 3, 256])
def test_what_an_encoder_writes_passes(size, levels):
    data = np.random.default_rng(1).integers(0, levels, size, np.uint8).tobytes()
    lzw.check(bytes(imagecodecs.lzw_encode(data)), size)


@pytest.mark.parametrize("low_first", [False, True])
def test_a_clear_code_must_be_followed_by_a_byte(low_first):
    start = (lzw.CLEAR, 7, 258, 9)
    for good in ((), (lzw.CLEAR, 3), (lzw.CLEAR, lzw.CLEAR, 3), (lzw.CLEAR, lzw.END)):
        lzw.check(packed(*start, *good, low_first=low_first), 9)
    for bad in (258, 300, 511):
        with pytest.raises(UnreadableImage, match="damaged"):
            lzw.check(packed(*start, lzw.CLEAR, bad, low_first=low_first), 9)
        with pytest.raises(UnreadableImage, match="damaged"):
            lzw.check(packed(lzw.CLEAR, bad, 1, low_first=low_first), 9)


def test_a_later_run_is_checked_at_its_own_widths():
    data = np.random.default_rng(1).integers(0, 256, 20_000, np.uint8).tobytes()
    stream = bytes(imagecodecs.lzw_encode(data))
    lzw.check(stream, len(data))
    bits = "".join(f"{octet:08b}" for octet in stream)
    second = sum(9 + (size >= 511) + (size >= 1023) + (size >= 2047) for size in range(257, 4095))
    assert bits[9 + second :].startswith(f"{lzw.CLEAR:012b}")
    place = 9 + second + 12
    bits = bits[:place] + f"{400:09b}" + bits[place + 9 :]
    with pytest.raises(UnreadableImage, match="damaged"):
        lzw.check(bytes(int(bits[i : i + 8], 2) for i in range(0, len(bits), 8)), 9)


def test_clear_codes_without_end_are_refused():
    with pytest.raises(UnreadableImage, match="too seldom or often"):
        lzw.check(packed(*[lzw.CLEAR] * 100_000), 100_000)


def test_tables_may_be_cleared_early_in_what_packs_well():
    stream = packed(*[lzw.CLEAR, 7] * 30)
    lzw.check(stream, 30 * 10_000)
    with pytest.raises(UnreadableImage, match="too seldom or often"):
        lzw.check(stream, 30)


@given(st.binary(max_size=400), st.sampled_from([b"", b"\x80", b"\0\1"]))
def test_what_passes_is_safe_to_decode(data, start):
    try:
        lzw.check(start + data, 1000)
        imagecodecs.lzw_decode(start + data, out=1000)
    except (UnreadableImage, RuntimeError):
        pass
