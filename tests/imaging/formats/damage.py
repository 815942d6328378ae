"""Damage to files: bytes that are others, and endings that are missing."""

from hypothesis import strategies as st


@st.composite
def damaged(draw, *files):
    """One of the files, with one to four bytes replaced, maybe cut short."""
    file = draw(st.sampled_from(files))
    place = draw(st.integers(0, len(file) - 1))
    other = draw(st.binary(min_size=1, max_size=4))
    cut = draw(st.one_of(st.none(), st.integers(1, len(file))))
    return (file[:place] + other + file[place + len(other) :])[:cut]
