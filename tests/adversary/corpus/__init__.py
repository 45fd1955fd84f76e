"""The corpus: every attack by class and name, and every variant that real identity providers send.

Three classes of attack depend on stored state, so their tests are elsewhere: replay and responses to
another browser in `tests/unit/web/test_sign_in.py`, a service without a trusted key in
`tests/unit/config/test_settings.py`.
"""

from __future__ import annotations

from adversary.cases import Attack, Variant
from adversary.corpus import (
    accepted,
    content,
    documents,
    encrypted_logout,
    encryption,
    identifiers,
    logout,
    readings,
    signatures,
    wrapping,
)

ATTACKS: list[Attack] = [
    attack
    for part in (
        wrapping,
        identifiers,
        readings,
        signatures,
        encryption,
        documents,
        content,
        logout,
        encrypted_logout,
    )
    for attack in part.ATTACKS
]
VARIANTS: list[Variant] = [*accepted.VARIANTS, *encryption.VARIANTS]
