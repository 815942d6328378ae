"""MGH files in gzip, as FreeSurfer writes them."""

from app.imaging.formats.mgh import MGH, SIZE

MOST_BEHIND = 1 << 22
"""Bytes that may follow the samples: parameters, commands and a table of colours."""

FORMAT = MGH.in_gzip("image/x-mgz", ".mgz", ".mgh.gz", longest=SIZE, most_behind=MOST_BEHIND)
