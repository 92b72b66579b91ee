"""Encrypt the pictures kept on the disk, so that a lost box shows none (extra ``seal``)."""

import base64
import binascii
import os
from pathlib import Path
from typing import Final

from edge_app.errors import ConfigError, StoreSealed

KEY_BYTES: Final = 32
NONCE_BYTES: Final = 12
MAKE_ONE: Final = "make one with: openssl rand -base64 32 > KEY; chmod 600 KEY"


class Seal:
    """Encrypts with the first of some keys, and opens with each: AES-256-GCM of the package ``cryptography``.

    Args:
        keys: 32 bytes each; new ones come first, old ones stay as long as what they closed.

    Source: NIST SP 800-38D. Nonces are random: 2**32 pictures with one key are safe, a century of one per second.
    """

    def __init__(self, keys: tuple[bytes, ...]) -> None:
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM

        self._ciphers = tuple(AESGCM(key) for key in keys)

    def close(self, content: bytes, name: str) -> bytes:
        """Encrypt; ``name`` is bound to it, so that one file cannot be put in the place of another."""
        nonce = os.urandom(NONCE_BYTES)
        return nonce + self._ciphers[0].encrypt(nonce, content, name.encode())

    def open(self, content: bytes, name: str) -> bytes:
        """Decrypt.

        Raises:
            StoreSealed: No key fits, or it is not what was closed under this name.
        """
        from cryptography.exceptions import InvalidTag

        nonce, closed = content[:NONCE_BYTES], content[NONCE_BYTES:]
        for cipher in self._ciphers:
            try:
                return cipher.decrypt(nonce, closed, name.encode())
            except (InvalidTag, ValueError):
                continue
        raise StoreSealed(
            f"{name}: no key in store.key_file opens it: add the one that it was kept with as a last line"
        )


def read_seal(path: Path | None) -> Seal | None:
    """The seal with the keys in a file, one in each line, base64; None without a file.

    Raises:
        ConfigError: A line is no key, or the package is missing.
    """
    if path is None:
        return None
    keys = []
    for number, line in enumerate(path.read_text("ascii", errors="replace").split("\n"), 1):
        if not line.strip():
            continue
        try:
            key = base64.b64decode(line.strip(), validate=True)
        except binascii.Error:
            key = b""
        if len(key) != KEY_BYTES:
            raise ConfigError(f"store.key_file: line {number} of {path} is not {KEY_BYTES} bytes in base64: {MAKE_ONE}")
        keys.append(key)
    if not keys:
        raise ConfigError(f"store.key_file: {path} holds no key: {MAKE_ONE}")
    try:
        return Seal(tuple(keys))
    except ImportError as error:
        raise ConfigError("store.key_file needs the package cryptography: pip install edge-cad[seal]") from error
