"""Login to a Shelly Gen2+: RFC 7616 digests with SHA-256, in headers and in frames.

Over HTTP it is the RFC's own scheme. Over a websocket the digest is in the frame, under
``auth``; the second hash is of a fixed text, and the counter is written without zeros.
Source: Shelly Technical Documentation, Gen2+, "Authentication"; RFC 7616, 3.4. The
frame's digest was checked against a published one (see the tests).
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from typing import Any, Final

USER: Final = "admin"
"""Always. Source: "Authentication"."""
ALGORITHM: Final = "SHA-256"
REMOVED: Final = "[removed]"
UNAUTHORIZED: Final = 401
_FRAME_HA2 = hashlib.sha256(b"dummy_method:dummy_uri").hexdigest()
_PART = re.compile(r'(\w+)=(?:"([^"]*)"|([^\s,]+))')


def frame_auth(
    challenge: Mapping[str, Any], password: str, *, cnonce: int
) -> dict[str, Any]:
    """Return the ``auth`` object of a request frame that answers a challenge.

    Raises
    ------
    ValueError
        If the challenge asks for something else than a SHA-256 digest.
    """
    realm, nonce = challenge.get("realm"), challenge.get("nonce")
    known = challenge.get("algorithm", ALGORITHM) == ALGORITHM
    if not (isinstance(realm, str) and isinstance(nonce, int | str) and known):
        raise ValueError("a challenge without realm, nonce or SHA-256")
    return {
        "realm": realm,
        "username": USER,
        "nonce": nonce,
        "cnonce": cnonce,
        "response": frame_digest(realm, password, nonce, cnonce),
        "algorithm": ALGORITHM,
    }


def frame_digest(realm: str, password: str, nonce: int | str, cnonce: object) -> str:
    """Return the digest that a frame must carry."""
    return _hex(f"{_ha1(realm, password)}:{nonce}:1:{cnonce}:auth:{_FRAME_HA2}")


def header_digest(
    parts: Mapping[str, str], password: str, *, method: str, user: str = USER
) -> str:
    """Return the digest that an ``Authorization`` header must carry (qop auth)."""
    ha1 = _hex(f"{user}:{parts.get('realm', '')}:{password}")
    ha2 = _hex(f"{method}:{parts.get('uri', '')}")
    middle = ":".join(parts.get(name, "") for name in ("nonce", "nc", "cnonce", "qop"))
    return _hex(f"{ha1}:{middle}:{ha2}")


def header_parts(header: str) -> dict[str, str]:
    """Return the parameters of a ``Digest`` header; empty if it is none."""
    if not header.startswith("Digest "):
        return {}
    return {name: quoted or plain for name, quoted, plain in _PART.findall(header)}


def challenge_of(error: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return the challenge in a frame's error object, or None if it is none.

    The message is itself JSON ("Authentication", error 401 over websocket).
    """
    if error.get("code") != UNAUTHORIZED:
        return None
    try:
        challenge = json.loads(str(error.get("message")))
    except (ValueError, RecursionError):
        return None
    return challenge if isinstance(challenge, dict) else None


def _ha1(realm: str, password: str) -> str:
    return _hex(f"{USER}:{realm}:{password}")


def _hex(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
