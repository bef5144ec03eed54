"""Names: folding to ASCII letters, placeholders, particles, suffixes, nicknames, aliases, sounds."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache

import jellyfish
from anyascii import anyascii
from nicknames import NickNamer

CACHE = 1 << 17
"""Entries per cache: a county's distinct names fit; memory stays under some 50 MB."""

_PARTICLES = frozenset(
    (  # noqa: SIM905 - words in a row are easier to read
        "de la las los el del da das do dos di van von der den ter ten bin ibn abu al st saint mac mc o san santa "
        "le du ver"
    ).split()
)
_SUFFIXES = {"jr": "jr", "junior": "jr", "sr": "sr", "senior": "sr", "ii": "ii", "2nd": "ii", "iii": "iii",
             "3rd": "iii", "iv": "iv", "4th": "iv"}  # fmt: skip
_NO_NAME = frozenset(
    (  # noqa: SIM905
        "unknown unk unkn unnamed noname nofirstname nolastname nomiddlename fnu lnu nfn nln nmn none null na nil "
        "nan notgiven notknown notavailable notstated refused declined unborn test testpatient tbd xxx xx "
        "anonymous anon newborn infant baby child boy girl male female babyboy babygirl bb bg twin twina twinb "
        "fetus deceased"
    ).split()
)
_BABY = re.compile(
    r"^(?!boyd$)(?:(?:baby|newborn|infant|unborn|nb)\s*(?:boy|girl|male|female|twin)?|bb|bg|boy|girl|twin)\s*([a-d1-4])?$"
)
_MOTHERS_BABY = re.compile(r"^[a-z]{2,}s(?:boy|girl|baby)\s*([a-d1-4])?$")
_WORD = re.compile(r"[a-z0-9]+")
_INNER_MARKS = re.compile(r"['`’.]")
_NOT_LETTERS = re.compile(r"[^a-z]+")
_BIRTH_ORDER = {"a": 1, "b": 2, "c": 3, "d": 4, "1": 1, "2": 2, "3": 3, "4": 4}
_NICKNAMES = NickNamer()


@dataclass(frozen=True, slots=True)
class GivenName:
    """A first or middle name made comparable; `placeholder` says that the text stood for no name."""

    letters: str | None = None
    alternatives: tuple[str, ...] = ()
    sound: str | None = None
    placeholder: bool = False
    birth_order: int | None = None  # "Baby Boy B" names no one but tells the second twin


@dataclass(frozen=True, slots=True)
class Surname:
    letters: str | None = None
    tokens: tuple[str, ...] = ()
    sound: str | None = None
    suffix: str | None = None
    placeholder: bool = False


def fold(text: str) -> str:
    """Fold to lower-case ASCII: accents dropped, other scripts transliterated, white space single."""
    return " ".join(anyascii(text).lower().split())


def letters(text: str) -> str:
    """What is left of a folded text without all but its letters."""
    return text if text.isascii() and text.isalpha() and text.islower() else _NOT_LETTERS.sub("", text)


def _words(text: str) -> list[str]:
    folded = fold(text)
    return [folded] if folded.isalpha() else _WORD.findall(_INNER_MARKS.sub("", folded))


@lru_cache(maxsize=CACHE)
def given_name(text: str) -> GivenName:
    """Clean a first name: "José-María" -> letters "josemaria", and the roots of its nicknames."""
    words = _words(text)
    phrase = " ".join(words)
    baby = _BABY.match(phrase) or _MOTHERS_BABY.match(phrase)
    if baby:
        return GivenName(placeholder=True, birth_order=_BIRTH_ORDER.get(baby.group(1) or ""))
    tokens = [t for t in (letters(w) for i, w in enumerate(words) if i == 0 or w not in _SUFFIXES) if t]
    joined = "".join(tokens)
    if not joined:
        return GivenName()
    if (
        _BABY.match(joined)
        or _MOTHERS_BABY.match(joined)
        or joined in _NO_NAME
        or (len(joined) > 2 and len(set(joined)) == 1)
    ):
        return GivenName(placeholder=True)
    roots = sorted({joined} | nickname_roots(joined))
    return GivenName(joined, tuple(roots), sound(tokens[0] if len(tokens[0]) > 1 else joined))


@lru_cache(maxsize=CACHE)
def nickname_roots(name: str) -> frozenset[str]:
    """The formal names that an English nickname may stand for ("bill" -> "william")."""
    return frozenset(letters(fold(n)) for n in _NICKNAMES.canonicals_of(name))


@lru_cache(maxsize=CACHE)
def sound(name: str) -> str:
    """Soundex code of a folded name: coarse on purpose, since it only brings candidates together."""
    return jellyfish.soundex(name)


@lru_cache(maxsize=CACHE)
def surname(text: str) -> Surname:
    """Clean a surname: "de la Cruz-García Jr" -> "delacruzgarcia", ("delacruz", "garcia"), "jr"."""
    words = _words(text)
    suffix = next((_SUFFIXES[w] for w in words[1:] if w in _SUFFIXES), None)
    names = [w for i, w in enumerate(words) if i == 0 or w not in _SUFFIXES]
    tokens = _join_particles([t for t in (letters(w) for w in names) if t])
    joined = "".join(tokens)
    if not joined:
        return Surname(suffix=suffix)
    if joined in _NO_NAME or (len(joined) > 2 and len(set(joined)) == 1):
        return Surname(placeholder=True)
    return Surname(joined, tuple(sorted(set(tokens))), sound(tokens[0]), suffix)


def _join_particles(tokens: list[str]) -> list[str]:
    """ "de", "la", "cruz" -> "delacruz": a particle belongs to the word that follows it."""
    joined: list[str] = []
    pending = ""
    for token in tokens:
        if token in _PARTICLES:
            pending += token
        else:
            joined.append(pending + token)
            pending = ""
    return [*joined, pending] if pending else joined


def suffix(text: str) -> str | None:
    return next((_SUFFIXES[w] for w in _words(text) if w in _SUFFIXES), None)


@lru_cache(maxsize=CACHE)
def place(text: str) -> str | None:
    """The letters of a city's or state's name."""
    return letters(fold(text)) or None


@lru_cache(maxsize=CACHE)
def full_name(text: str) -> tuple[GivenName, Surname]:
    """Split an alias as written: "Last, First Middle", or given names before the last word and its particles."""
    if "," in text:
        last, _, first = text.partition(",")
        first = first.strip().split(" ")[0] if first.strip() else ""
        return given_name(first), surname(last)
    words = text.split()
    if len(words) < 2:
        return GivenName(), surname(text)
    start = len(words) - 1
    while start > 1 and (fold(words[start - 1]) in _PARTICLES or fold(words[start]) in _SUFFIXES):
        start -= 1
    return given_name(words[0]), surname(" ".join(words[start:]))
