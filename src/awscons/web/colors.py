"""Readable colours: adjusts a configured colour until text has enough contrast. Pure functions.

Contrast follows WCAG 2.2 (1.4.3: at least 4.5 : 1 for text). Colours are written `#rrggbb`.
"""

from __future__ import annotations

MIN_TEXT_CONTRAST = 4.5
"""WCAG 2.2, 1.4.3."""
_BLACK, _WHITE = "#000000", "#ffffff"
_STEPS = 50
_LINEAR_BELOW = 0.04045


def contrast(one: str, other: str) -> float:
    """Return the contrast ratio of two colours, 1 to 21."""
    lighter, darker = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


def readable_on(background: str, color: str, *, at_least: float = MIN_TEXT_CONTRAST) -> str:
    """Return `color`, mixed with as little black or white as gives it that contrast on `background`."""
    toward = _WHITE if contrast(_WHITE, background) > contrast(_BLACK, background) else _BLACK
    for step in range(_STEPS + 1):
        candidate = _mixed(color, toward, step / _STEPS)
        if contrast(candidate, background) >= at_least:
            return candidate
    return toward


def ink_on(background: str) -> str:
    """Return black or white: the one with the higher contrast on `background`."""
    return max((_WHITE, _BLACK), key=lambda ink: contrast(ink, background))


def _channels(color: str) -> tuple[int, int, int]:
    return int(color[1:3], 16), int(color[3:5], 16), int(color[5:7], 16)


def _luminance(color: str) -> float:
    """Relative luminance, 0 to 1 (WCAG 2.2, definitions)."""
    shares = [channel / 255 for channel in _channels(color)]
    red, green, blue = (
        share / 12.92 if share <= _LINEAR_BELOW else ((share + 0.055) / 1.055) ** 2.4 for share in shares
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def _mixed(color: str, other: str, share: float) -> str:
    pairs = zip(_channels(color), _channels(other), strict=True)
    return "#" + "".join(f"{round(one + (two - one) * share):02x}" for one, two in pairs)
