"""The terms of the objective, one entry each. How to add one: docs/architecture.md, "Add a term".

No torch here: settings are checked, and results are labelled, without it.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from importlib import import_module
from typing import TYPE_CHECKING

from fitting.fit_config import PARAMETERS, FitConfig

if TYPE_CHECKING:
    from fitting.objective.bodies import Bodies, Part

Adds = Callable[["Bodies", float], "Part"]
"""What a term adds to the cost of every row, given the bodies and the term's weight."""

CAPSULES = "capsules"
"""A need: the body has capsules, and the fit keeps them apart."""

POINTS_3D = "points_3d"
"""A need: the term reads `Bodies.jacobian`, which the data term then shares."""


@dataclass(frozen=True)
class Term:
    """One kind of residual.

    Args:
        name: of its weight in the settings and of its value in results.
        function: what it adds; a name, `module.function` of fitting.objective, is imported when a
            fit begins.
        needs: if one of these is missing, the term is off: any of PARAMETERS that the stage must
            free, CAPSULES, POINTS_3D.
        weight: the weight if a stage names none.

    Raises:
        ValueError: there is no such need.
    """

    name: str
    function: Adds | str
    needs: tuple[str, ...] = ()
    weight: float = 0.0

    def __post_init__(self) -> None:
        known = (*PARAMETERS, CAPSULES, POINTS_3D)
        unknown = [need for need in self.needs if need not in known]
        if unknown:
            raise ValueError(f"term {self.name}: needs: expected some of {known}, got {unknown}")

    @property
    def adds(self) -> Adds:
        """The function itself."""
        if not isinstance(self.function, str):
            return self.function
        module, _, name = self.function.rpartition(".")
        return getattr(import_module(f"fitting.objective.{module}"), name)


TERMS = (
    Term("data", "residuals.data", weight=1.0),
    Term("pose_prior", "residuals.pose_prior", needs=("body_pose",)),
    Term("bending", "residuals.bending", needs=("body_pose",)),
    Term("shape", "residuals.shape", needs=("betas",)),
    Term("depth", "residuals.depth", needs=("transl",)),
    Term("interpenetration", "interpenetration.contacts", needs=("body_pose", CAPSULES)),
    Term("joints_3d", "residuals.joints_3d", needs=(POINTS_3D,)),
)
"""In the order of their values in results."""


def names_of(terms: Iterable[Term]) -> tuple[str, ...]:
    """Their names, in order."""
    return tuple(term.name for term in terms)


def check_names(where: str, weights: Mapping[str, float], terms: Iterable[Term]) -> None:
    """Check that every weight belongs to one of the terms.

    Raises:
        ValueError: names the first that does not, and the nearest term.
    """
    names = names_of(terms)
    for name in weights:
        if name not in names:
            near = get_close_matches(name, names, n=1)
            hint = f"did you mean {near[0]}?" if near else f"expected some of {', '.join(names)}"
            raise ValueError(f"{where}.{name}: no such term, {hint}")


def check_weights(config: FitConfig, terms: Iterable[Term] = TERMS) -> None:
    """Check that every weight of every stage belongs to one of the terms.

    Raises:
        ValueError: names the key of the first that does not.
    """
    for where, weights in config.weights_by_key().items():
        check_names(where, weights, terms)


def moved(name: str, fields: Iterable[str]) -> str | None:
    """What to write for a weight that stands among a stage's other settings, its old place.

    Args:
        name: of the setting.
        fields: those that the stage has.
    """
    if name not in names_of(TERMS) or "weights" not in fields:
        return None
    return f"weights of terms have a group of their own now, write weights.{name}"
