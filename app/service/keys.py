"""API keys: made here, known to the service by their SHA-256 alone."""

import hashlib
import hmac
import secrets
from collections.abc import Iterable

PREFIX = "denoiser_"
"""By which a key that has leaked into a repository or a log is found."""


def new_key() -> str:
    """A key of 256 random bits: too many to be guessed, hence no slow hash is needed."""
    return PREFIX + secrets.token_urlsafe(32)


def hash_of(key: str) -> str:
    """What the setting `api_keys` holds of a key: its SHA-256, 64 hexadecimal digits."""
    return hashlib.sha256(key.encode()).hexdigest()


def known(key: str, hashes: Iterable[str]) -> str | None:
    """The one of `hashes` that is the key's, or None.

    All are compared, each in constant time: how long it takes says nothing of how near it came.
    """
    digest, found = hash_of(key), None
    for candidate in hashes:
        if hmac.compare_digest(candidate, digest):
            found = candidate
    return found
