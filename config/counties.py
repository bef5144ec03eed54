"""The counties of California by the two-digit code that state systems write: their place in the alphabet."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

_NAMES = (
    "Alameda Alpine Amador Butte Calaveras Colusa Contra_Costa Del_Norte El_Dorado Fresno Glenn Humboldt Imperial Inyo "
    "Kern Kings Lake Lassen Los_Angeles Madera Marin Mariposa Mendocino Merced Modoc Mono Monterey Napa Nevada Orange "
    "Placer Plumas Riverside Sacramento San_Benito San_Bernardino San_Diego San_Francisco San_Joaquin San_Luis_Obispo "
    "San_Mateo Santa_Barbara Santa_Clara Santa_Cruz Shasta Sierra Siskiyou Solano Sonoma Stanislaus Sutter Tehama "
    "Trinity Tulare Tuolumne Ventura Yolo Yuba"
)

COUNTIES: Mapping[str, str] = MappingProxyType(
    {f"{place:02d}": name.replace("_", " ") for place, name in enumerate(_NAMES.split(), start=1)}
)
"""Code -> name, in the order of the codes."""
