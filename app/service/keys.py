"""API keys, which the service knows only by their SHA-256."""

import hashlib
import hmac
import secrets
from collections.abc import Iterable

PREFIX = "denoiser_"
"""Makes keys recognizable that leak into a repository or a log."""


def new_key() -> str:
    """Return a key of 256 random bits, which cannot be guessed, so that no slow hash is needed."""
    return PREFIX + secrets.token_urlsafe(32)


def hash_of(key: str) -> str:
    """Return the SHA-256 of a key, 64 hexadecimal digits, for the setting `api_keys`."""
    return hashlib.sha256(key.encode()).hexdigest()


def known(key: str, hashes: Iterable[str]) -> str | None:
    """Return the one of `hashes` that belongs to the key, or None.

    All are compared, each in constant time, so that timing reveals nothing about the hashes.
    """
    digest, found = hash_of(key), None
    for candidate in hashes:
        if hmac.compare_digest(candidate, digest):
            found = candidate
    return found
