"""Adults whose stature and weight are spread as people's are, in terms of MakeHuman's targets."""

from dataclasses import dataclass

import numpy as np

from .macros import Sliders, target_weights
from .morphs import Morphs

GENDERS = ("neutral", "female", "male")

# Local targets, one normal coefficient each; `{s}` stands for both sides at once.
_LENGTHS = (
    "torso/measure-napetowaist-dist",
    "torso/measure-waisttohip-dist",
    "torso/measure-shoulder-dist",
    "legs/measure-upperleg-height",
    "legs/measure-lowerleg-height",
    "arms/measure-upperarm-length",
    "arms/measure-lowerarm-length",
    "neck/measure-neck-height",
)
_WIDTHS = (
    "torso/measure-bust-circ",
    "torso/measure-waist-circ",
    "torso/measure-hips-circ",
    "torso/torso-vshape",
    "torso/torso-scale-depth",
    "torso/torso-muscle-pectoral",
    "legs/measure-thigh-circ",
    "legs/measure-calf-circ",
    "arms/measure-upperarm-circ",
    "neck/measure-neck-circ",
    "stomach/stomach-tone",
    "stomach/stomach-pregnant",
    "buttocks/buttocks-volume",
    "hip/hip-scale-horiz",
    "head/head-scale-horiz",
    "head/head-scale-vert",
    "head/head-scale-depth",
    "hands/{s}-hand-scale",
    "feet/{s}-foot-scale",
    "arms/{s}-upperarm-shoulder-muscle",
)
LOCAL_TARGETS = (*_LENGTHS, *_WIDTHS)

_SPREAD = 0.25
# At 0.25 the lengths of limbs vary by 9 % between people; those of real adults by about 6 %.
_SPREADS = {name: 0.1 for name in _LENGTHS if name.endswith(("-length", "-height"))}
_SPREADS["stomach/stomach-pregnant"] = 0.12

# MakeHuman's own weight slider stops at a BMI of 24 to 27, so from the mean upwards fatness turns
# these up too: coefficient per unit of fatness for a woman and for a man.
_FATNESS = {
    "torso/measure-waist-circ": (0.36, 0.36),
    "torso/measure-hips-circ": (0.2, 0.2),
    "torso/measure-bust-circ": (0.22, 0.22),
    "legs/measure-thigh-circ": (0.22, 0.22),
    "legs/measure-calf-circ": (0.1, 0.1),
    "arms/measure-upperarm-circ": (0.2, 0.2),
    "neck/measure-neck-circ": (0.2, 0.2),
    "stomach/stomach-pregnant": (0.1, 0.14),
    "torso/torso-scale-depth": (0.15, 0.15),
}


@dataclass
class Person:
    """One drawn adult: MakeHuman's sliders, local coefficients by target, stature in metres."""

    sliders: Sliders
    local: dict[str, float]
    stature: float

    def targets(self) -> dict[str, float]:
        """Weight of every morph target."""
        weights = target_weights(self.sliders)
        for name, value in self.local.items():
            for side in "lr" if "{s}" in name else "-":
                end = "incr" if value > 0 else "decr"
                weights[f"{name.format(s=side)}-{end}"] = abs(value)
        return weights


def draw(gender: str, count: int, seed: int, morphs: Morphs) -> list[Person]:
    """Adults of 21 to 70 years, alternately women and men when `gender` is neutral."""
    rng = np.random.default_rng([seed, GENDERS.index(gender)])
    man = {"female": np.zeros(count), "male": np.ones(count), "neutral": np.arange(count) % 2}
    people = [_person(bool(flag), rng) for flag in man[gender]]
    _solve_height(people, morphs)
    return people


def _person(man: bool, rng: np.random.Generator) -> Person:
    def around(mean: float, spread: float, low: float, high: float) -> float:
        return float(np.clip(rng.normal(mean, spread), low, high))

    years = around(37, 13, 21, 70)
    # fatness leans to the right in real populations
    fatness = float(np.clip(rng.normal() + 0.35 * (rng.exponential() - 1), -2, 3.2))
    androgyny = min(abs(rng.normal(0, 0.08)), 0.3)
    sliders = Sliders(
        gender=1 - androgyny if man else androgyny,
        age=0.5 + (years - 25) / (130 if years > 25 else 80),
        muscle=around(0.55 if man else 0.46, 0.16, 0.08, 1),
        weight=float(np.clip(0.64 + 0.3 * fatness, 0.05, 1.35)),
        proportions=around(0.62, 0.16, 0.15, 1),
        race=tuple(rng.dirichlet([0.9, 0.9, 1.2]).tolist()),
        cup=around(0.5, 0.17, 0.05, 1),
        firmness=around(0.48, 0.15, 0.1, 0.95),
    )
    local = {name: around(0, _SPREADS.get(name, _SPREAD), -0.8, 0.8) for name in LOCAL_TARGETS}
    for name, (woman_gain, man_gain) in _FATNESS.items():
        gain = man_gain if man else woman_gain
        local[name] = float(np.clip(local[name] + max(fatness, 0.0) * gain, -1.0, 1.0))
    # near the means and spreads of the adult populations of many countries
    stature = around(1.765, 0.073, 1.55, 2.0) if man else around(1.63, 0.067, 1.42, 1.85)
    return Person(sliders, local, stature)


def _solve_height(people: list[Person], morphs: Morphs) -> None:
    """Set the height slider, on which stature depends linearly either side of the middle."""
    reached = {}
    for height in (0.0, 0.5, 1.0):
        for person in people:
            person.sliders.height = height
        y = morphs.shapes([person.targets() for person in people])[0][:, :, 1]
        reached[height] = np.ptp(y, axis=1)
    for i, person in enumerate(people):
        known = [reached[height][i] for height in (0.0, 0.5, 1.0)]
        person.sliders.height = float(np.interp(person.stature, known, (0.0, 0.5, 1.0)))
