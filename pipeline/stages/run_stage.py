"""Brings clips through a stage: results come from the cache or are computed, and are stored."""

import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from pipeline import interrupts
from pipeline.faults import fault_of
from pipeline.inputs.clips import ClipError, Skipped
from pipeline.inputs.images import UnreachableError
from pipeline.stages.stage import Done, Job, Stage, Tick, Track, by_settings, frames_of
from pipeline.storage.cache import Artefact, Cache, Entry, key_of


@dataclass(frozen=True)
class _Refused:
    """Stored in place of a result if the file itself cannot give one, so that nobody tries again
    before its bytes change."""

    reason: str


_Found = dict[str, Artefact | Skipped]
"""Name of a clip -> its result, or why it has none."""


def run_stage(
    stage: Stage, jobs: list[Job], cache: Cache, track: Track
) -> tuple[list[Job], list[Skipped]]:
    """Bring every job through the stage; results come from the cache or are computed.

    Returns:
        The jobs that go on, in order, with this stage's result if it applies to them; and the
        clips that do not go on.

    Raises:
        Exception: an error that is not about one clip (`pipeline.faults.of_the_run`).
    """
    found: _Found = {}
    for own, some in by_settings(stage, jobs):
        found |= _results(own, some, cache, track)
    return _sort_out(stage, jobs, found)


def unfinished(stages: list[Stage], jobs: list[Job], cache_dir: str) -> list[Job]:
    """The jobs that lack a stored result of some stage; no result is read."""
    cache, lacking = Cache(Path(cache_dir)), set[str]()
    known: dict[str, dict[str, str]] = {job.clip.name: {} for job in jobs}
    for stage in stages:
        for own, some in by_settings(stage, jobs):
            files = {option: own.digests.of(path) for option, path in own.files.items()}
            keys = {
                job.clip.name: _key_after(own, files, job, known[job.clip.name]) for job in some
            }
            stored = set(cache.stored(own.name, keys))
            lacking |= keys.keys() - stored
            for name, key in keys.items():
                known[name][own.name] = key
    return [job for job in jobs if job.clip.name in lacking]


def _results(stage: Stage, jobs: list[Job], cache: Cache, track: Track) -> _Found:
    """Every job's result, or why there is none, by the name of its clip."""
    files = {option: stage.digests.of(path) for option, path in stage.files.items()}
    keys = {job.clip.name: _key(stage, files, job) for job in jobs}
    found: _Found = {}
    for name in cache.stored(stage.name, keys):
        artefact = cache.find(stage.name, name, keys[name], stage.output)
        if artefact:
            found[name] = _sharing(stage, files, artefact)
    missing = [job for job in jobs if job.clip.name not in found]
    batch: list[Done] = []
    for done in _computed(stage, missing, track) if missing else ():
        interrupts.check()  # a swallowed interrupt may have left it half done: do not store it
        done = _judged(stage, done)
        if isinstance(done.result, Skipped) and not done.result.lasting:
            found[done.job.clip.name] = done.result
        else:
            batch.append(done)
        if done.last and batch:
            found |= _store(stage, cache, files, keys, batch)
            batch = []
    return found


def _sharing(stage: Stage, files: dict[str, str], artefact: Artefact) -> Artefact:
    """The same, without a copy of settings of its own: a run of many inputs has one per result."""
    own, shared = artefact.provenance, {"config": stage.config, "files": files}
    same = {name: value for name, value in shared.items() if own.get(name) == value}
    return replace(artefact, provenance=own | same)


def _computed(stage: Stage, jobs: list[Job], track: Track) -> Iterator[Done]:
    """What the stage computes. When a job is done, the bar has moved by all of its frames, even if
    the job was refused or the stage reads no frames."""
    frames = {job.clip.name: frames_of(job) for job in jobs}
    known = [count for count in frames.values() if count is not None]
    advance = track(stage.name, sum(known) if len(known) == len(jobs) else None)
    ticked = 0

    def tick() -> None:
        nonlocal ticked
        interrupts.check()
        ticked += 1
        advance()

    for done in _or_failed(stage, jobs, tick):
        for _ in range((frames[done.job.clip.name] or 0) - ticked):
            advance()
        ticked = 0
        yield done


def _or_failed(stage: Stage, jobs: list[Job], tick: Tick) -> Iterator[Done]:
    """What the stage computes. If it fails as a whole, for example when it loads a model, so do all
    jobs that are left."""
    left = {job.clip.name: job for job in jobs}
    try:
        for done in stage.compute(jobs, tick):
            del left[done.job.clip.name]
            yield done
    except Exception as error:
        for job in left.values():
            fault = fault_of(error, stage.name, job.clip.path, f"{stage.name}-stage")
            yield Done(job, fault, 0.0)


def _judged(stage: Stage, done: Done) -> Done:
    """The same, with a reason in place of an error."""
    clip, error = done.job.clip, done.result
    if isinstance(error, ClipError):
        lasting = not isinstance(error, UnreachableError)
        return replace(done, result=Skipped(clip.path, str(error), lasting))
    if isinstance(error, Exception):
        return replace(done, result=fault_of(error, stage.name, clip.path, clip.name))
    return done


def _key(stage: Stage, files: dict[str, str], job: Job) -> str:
    return _key_after(stage, files, job, {name: a.key for name, a in job.results.items()})


def _key_after(stage: Stage, files: dict[str, str], job: Job, keys: dict[str, str]) -> str:
    """The key of a job's result.

    Args:
        keys: those of its earlier results, by the name of the stage.
    """
    parents = [keys[name] for name in stage.after if name in keys] or [job.clip.key]
    return key_of(stage.name, stage.version, stage.config, files, parents)


def _parents(stage: Stage, job: Job) -> list[str]:
    """Keys of the results that it uses, from the stages that apply to the clip."""
    return [job.results[name].key for name in stage.after if name in job.results]


def _store(
    stage: Stage, cache: Cache, files: dict[str, str], keys: dict[str, str], batch: list[Done]
) -> _Found:
    """Store the results of a batch; returns them by the names of their clips."""
    try:
        entries = [_entry(stage, files, keys[done.job.clip.name], done) for done in batch]
        artefacts = cache.store_all(stage.name, entries)
    except Exception as error:
        clips = [done.job.clip for done in batch]
        return {c.name: fault_of(error, stage.name, c.path, c.name) for c in clips}
    return {e.clip: artefact for e, artefact in zip(entries, artefacts, strict=True)}


def _entry(stage: Stage, files: dict[str, str], key: str, done: Done) -> Entry:
    reason = None
    if isinstance(done.result, Skipped):
        # Without the path, because the same bytes are refused for the same reason anywhere.
        reason = done.result.reason.removeprefix(f"{done.job.clip.path}: ")
    provenance = {
        "stage": stage.name,
        "version": stage.version,
        "config": stage.config,
        "files": files,
        "source": str(done.job.clip.path),
        "parents": _parents(stage, done.job),
        "seconds": round(done.seconds, 4),
        "refused": reason,
        "created": time.strftime("%Y-%m-%dT%H:%M:%S%z"),
    }
    result = _Refused(reason) if reason is not None else done.result
    return Entry(done.job.clip.name, key, result, provenance)


def _sort_out(stage: Stage, jobs: list[Job], found: _Found) -> tuple[list[Job], list[Skipped]]:
    """The jobs that go on with a useful result, and those that stay behind, with the reason."""
    going, staying = [], []
    for job in jobs:
        result = found.get(job.clip.name)
        if isinstance(result, Artefact):
            result = _useless(stage, job, result) or result
        if result is None:  # the stage does not apply to it
            going.append(job)
        elif isinstance(result, Skipped):
            staying.append(result)
        else:
            going.append(replace(job, results={**job.results, stage.name: result}))
    return going, staying


def _useless(stage: Stage, job: Job, artefact: Artefact) -> Skipped | None:
    """Why a stored result is of no use to the stages that follow; None if it is of use."""
    path = job.clip.path
    try:
        reason = artefact.provenance["refused"]
        if not reason and stage.nothing:
            reason = stage.nothing(artefact.load())
    except Exception as error:
        return fault_of(error, stage.name, path, job.clip.name)
    return Skipped(path, f"{path}: {reason}") if reason else None
