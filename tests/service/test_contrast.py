"""The colours of the operators' pages can be read: 4.5 to 1 for text on its ground, light and dark."""

from __future__ import annotations

import re

import pytest

from service.rendering import static_files

PAIRS = (("ink", "paper"), ("ink", "card"), ("dim", "paper"), ("dim", "card"), ("link", "card"), ("link", "paper"), ("good", "good-bg"), ("run", "run-bg"),
         ("warn", "warn-bg"), ("bad", "bad-bg"), ("none", "none-bg"), ("good", "card"), ("bad", "card"), ("warn", "card"), ("white", "red"))  # fmt: skip


def luminance(colour: str) -> float:
    digits = colour.lstrip("#")
    digits = "".join(c * 2 for c in digits) if len(digits) == 3 else digits
    parts = [int(digits[i : i + 2], 16) / 255 for i in (0, 2, 4)]
    r, g, b = (x / 12.92 if x <= 0.03928 else ((x + 0.055) / 1.055) ** 2.4 for x in parts)
    return 0.2126 * r + 0.7152 * g + 0.0722 * b


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_can_be_read_on_its_ground(scheme: str) -> None:
    sheet = static_files()["pages.css"][0].decode()
    light, dark = re.findall(r":root \{(.*?)\}", sheet, re.DOTALL)[:2]
    text = light if scheme == "light" else light + dark
    colours = {"white": "#fff"} | dict(re.findall(r"--([\w-]+): (#[0-9a-f]{3,6})", text))
    for ink, ground in PAIRS:
        a, b = sorted((luminance(colours[ink]), luminance(colours[ground])), reverse=True)
        assert (a + 0.05) / (b + 0.05) >= 4.5, (ink, ground)
