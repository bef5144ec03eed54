"""Addresses: one line in postal abbreviations, with house number, street and unit told apart."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache

from linkage.normalise.names import CACHE, fold

# USPS Publication 28, appendix C1 and C2: the commonest of them; the rest stay as written on both sides.
_ABBREVIATIONS = {
    "street": "st", "str": "st", "avenue": "ave", "av": "ave", "aven": "ave", "road": "rd", "drive": "dr", "drv": "dr",
    "lane": "ln", "court": "ct", "crt": "ct", "circle": "cir", "crcl": "cir", "boulevard": "blvd", "boul": "blvd",
    "place": "pl", "terrace": "ter", "terr": "ter", "parkway": "pkwy", "highway": "hwy", "square": "sq", "trail": "trl",
    "crescent": "cres", "close": "cl", "circuit": "cct", "way": "way", "alley": "aly", "loop": "loop", "point": "pt",
    "mount": "mt", "mountain": "mtn", "fort": "ft", "saint": "st", "heights": "hts", "junction": "jct", "plaza": "plz",
    "ridge": "rdg", "valley": "vly", "view": "vw", "village": "vlg", "creek": "crk", "crossing": "xing",
    "center": "ctr",
    "north": "n", "south": "s", "east": "e", "west": "w", "northeast": "ne", "northwest": "nw", "southeast": "se",
    "southwest": "sw", "first": "1st", "second": "2nd", "third": "3rd", "fourth": "4th", "fifth": "5th", "sixth": "6th",
    "seventh": "7th", "eighth": "8th", "ninth": "9th", "tenth": "10th",
}  # fmt: skip
_UNIT_WORDS = (
    "apartment", "apt", "unit", "suite", "ste", "spc", "space", "lot", "room", "rm", "trlr", "bldg", "building", "no",
    "fl", "floor",
)  # fmt: skip
_UNIT_WORD = rf"(?:{'|'.join(_UNIT_WORDS)})"
_UNIT = re.compile(rf"(?:^|\s)(?:{_UNIT_WORD}(?:\s*#\s*|\s+|(?=\d))|#\s*)(\w+)$")  # "fl 2" and "fl2", but not "flores"
_BARE_UNIT = re.compile(rf"(?:\s{_UNIT_WORD})+$")  # "apt apt 4"
_NOT_WRITTEN = re.compile(r"[^a-z0-9# ]")
_NOT_IN_CODE = re.compile(r"[^a-z0-9]")
_PO_BOX = re.compile(r"\b(?:p\s*o|post office|postal)\s*box\s*(\w+)|^box\s+(\d+)")
SUBSTITUTE_LINE, SUBSTITUTE_ZIP, SUBSTITUTE_CITY = "po box 1846", "95812", "sacramento"
"""The post office box that everybody in California's Safe at Home programme has: it says of nobody where he lives."""

_NO_ADDRESS = frozenset(
    {"unknown", "homeless", "none", "transient", "general delivery", "no address", "na", "n a", "unk", "refused"}
)


@dataclass(frozen=True, slots=True)
class Address:
    line: str | None = None
    house_number: str | None = None
    street: str | None = None
    placeholder: bool = False


@lru_cache(maxsize=CACHE)
def address(text: str) -> Address:
    """Clean an address line: "12 North Main Street, Apt. 4" -> "12 n main st # 4", number 12, street "n main st"."""
    line = _last_number_sign(" ".join(_NOT_WRITTEN.sub(" ", fold(text).replace("'", "")).split()))
    if not line or line in _NO_ADDRESS:
        return Address(placeholder=bool(line))
    box = "box" in line and _PO_BOX.search(line)
    if box:
        return Address(line=f"po box {box.group(1) or box.group(2)}")
    body, unit = _unit_apart(line)
    words = [_ABBREVIATIONS.get(w, w) for w in body.replace("#", " ").split()]
    number = (
        words[0]
        if words and words[0][0].isdigit() and len(words) > 1 and not words[0].endswith(("st", "nd", "rd", "th"))
        else None
    )
    street = " ".join(words[1:] if number else words) or None
    written = " ".join(words) + (f" # {unit}" if unit else "")
    if written in _NO_ADDRESS:
        return Address(placeholder=True)
    return Address(written or None, number, street)


def _unit_apart(line: str) -> tuple[str, str]:
    """A line before its unit, and the unit; "" where it names none."""
    *before, last = line.rsplit(" ", 2)
    if "#" not in line and not last.startswith(_UNIT_WORDS) and before[-1:] and before[-1] not in _UNIT_WORDS:
        return line, ""  # most lines; looking for the expression takes longer than all the rest
    unit = _UNIT.search(line)
    if unit is None or unit.start() == 0:
        return line, ""
    return _BARE_UNIT.sub("", line[: unit.start()]), unit.group(1)


def _last_number_sign(line: str) -> str:
    """Keep a number sign only before the last word, where it announces a unit."""
    if "#" not in line:
        return line
    before, sign, unit = line.rstrip("# ").rpartition("#")
    words = [*before.replace("#", " ").split(), *([sign] if sign and len(unit.split()) == 1 else []), *unit.split()]
    return " ".join(words)


@lru_cache(maxsize=CACHE)
def zip_code(text: str) -> str | None:
    """Five digits of a U.S. ZIP code, a zero lost by a spreadsheet put back; others as letters and digits."""
    code = _NOT_IN_CODE.sub("", fold(text))
    if code.isdigit():
        code = code[:5] if len(code) in (5, 9) else code.zfill(5) if len(code) == 4 else code
    return None if set(code) <= {"0"} or set(code) == {"9"} else code
