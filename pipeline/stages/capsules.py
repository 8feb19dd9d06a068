"""The capsules of the fitted body; a user's own body gets them once, and the cache keeps them."""

import logging
import time
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline.storage.cache import Cache, digest, key_of

if TYPE_CHECKING:
    from fitting.body.body_model import BodyModel
    from fitting.capsules.capsules import Capsules

_log = logging.getLogger(__name__)
_STAGE, _NAME = "capsules", "body"  # in the cache, whatever the name of the body's file
_VERSION = 1  # raised when fit_capsules gives other capsules for the same body


def capsules_of(body: "BodyModel", file: Path, cache_dir: str) -> "Capsules":
    """Capsules from the body's file; else from SMPLify's regressors next to it; else fitted ones.

    Args:
        body: the one that was read from `file`.
        cache_dir: where fitted ones are kept, under a key of the bytes of `file`.

    Raises:
        ValueError: the file's capsules or the regressors are unusable, or the body's skin does not
            follow its joints.
    """
    from fitting.body.body_files import find_regressors
    from fitting.capsules.capsules import has_capsules, load_capsules
    from fitting.capsules.release_capsules import load_release_capsules

    if has_capsules(file):
        return load_capsules(file)
    regressors = find_regressors(file)
    if regressors:
        capsules = load_release_capsules(regressors, body, file)
        if capsules:
            return capsules
        _log.warning("%s is not used, because %s has no J_regressor_prior", regressors, file)
    return _fitted(body, file, Cache(Path(cache_dir)))


def _fitted(body: "BodyModel", file: Path, cache: Cache) -> "Capsules":
    from fitting.capsules.capsule_fit import fit_capsules
    from fitting.capsules.capsules import Capsules

    contents = digest(file)
    key = key_of(_STAGE, _VERSION, contents)
    known = cache.find(_STAGE, _NAME, key, Capsules)
    if known:
        return known.load()
    _log.warning("fitting capsules to %s, once for this body: it takes about a minute", file)
    begin = time.perf_counter()
    capsules = fit_capsules(body)
    seconds = round(time.perf_counter() - begin, 1)
    facts = {"stage": _STAGE, "version": _VERSION, "body": contents, "seconds": seconds}
    cache.store(_STAGE, _NAME, key, capsules, facts)
    return capsules
