"""MakeHuman's main sliders: which morph targets, how much, for a person described by numbers."""

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import product

RACES = ("african", "asian", "caucasian")
_YOUNG, _CHILD = 0.5, 0.1875  # where MakeHuman's age slider puts 25 and 12 years

# The targets of the sliders, and the factors their names are made of.
_PATTERNS = {
    "macrodetails/{0}-{1}-{2}": ("race", "gender", "age"),
    "macrodetails/universal-{0}-{1}-{2}-{3}": ("gender", "age", "muscle", "weight"),
    "macrodetails/height/{0}-{1}-{2}-{3}-{4}": ("gender", "age", "muscle", "weight", "height"),
    "macrodetails/proportions/{0}-{1}-{2}-{3}-{4}": (
        "gender",
        "age",
        "muscle",
        "weight",
        "proportions",
    ),
    "breast/{0}-{1}-{2}-{3}-{4}-{5}": (
        "breast",
        "age",
        "muscle",
        "weight",
        "cup",
        "firmness",
    ),
}


@dataclass
class Sliders:
    """MakeHuman's sliders: 0..1 with 0.5 in the middle; `weight` may leave the range.

    `gender` is 0 for a woman and 1 for a man; `race` holds the three shares, which sum to 1.
    """

    gender: float = 0.5
    age: float = 0.55
    muscle: float = 0.5
    weight: float = 0.5
    height: float = 0.5
    proportions: float = 0.6
    cup: float = 0.5
    firmness: float = 0.5
    race: tuple[float, float, float] = (1 / 3, 1 / 3, 1 / 3)


def target_weights(person: Sliders) -> dict[str, float]:
    """Weight of every target that the sliders switch on; some have no file in MakeHuman."""
    factors = _factors(person)
    weights: dict[str, float] = {}
    for pattern, names in _PATTERNS.items():
        for combination in product(*(factors[name].items() for name in names)):
            weight = _product(share for _, share in combination)
            if abs(weight) > 1e-9:
                weights[pattern.format(*(label for label, _ in combination))] = weight
    return weights


def _factors(person: Sliders) -> dict[str, dict[str, float]]:
    """Slider -> share of each of its named ends."""
    child = max(0.0, (_YOUNG - person.age) / (_YOUNG - _CHILD))
    old = max(0.0, 2 * person.age - 1)
    return {
        "race": dict(zip(RACES, person.race, strict=True)),
        "gender": {"female": 1 - person.gender, "male": person.gender},
        "age": {"child": child, "young": 1 - child - old, "old": old},
        "muscle": _three("muscle", person.muscle),
        "weight": _three("weight", person.weight),
        "height": _two("minheight", "maxheight", person.height),
        "proportions": _two("uncommonproportions", "idealproportions", person.proportions),
        "breast": {"female": 1 - person.gender},
        "cup": _three("cup", person.cup),
        "firmness": _three("firmness", person.firmness),
    }


def _three(name: str, value: float) -> dict[str, float]:
    """Piecewise linear shares of min, average and max; outside 0..1 they extrapolate."""
    low = 1 - 2 * value if value < 0.5 else 0.0
    high = 2 * value - 1 if value >= 0.5 else 0.0
    return {f"min{name}": low, f"average{name}": 1 - low - high, f"max{name}": high}


def _two(low: str, high: str, value: float) -> dict[str, float]:
    return {low: max(0.0, 1 - 2 * value), high: max(0.0, 2 * value - 1)}


def _product(factors: Iterable[float]) -> float:
    result = 1.0
    for factor in factors:
        result *= factor
    return result
