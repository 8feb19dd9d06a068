"""Turns the words of a shell into overrides that Hydra reads; any file name arrives as typed.

Hydra has a grammar for the right side of `key=value`, in which `photo (1).jpg`, `a,b.jpg` and many
other names are errors or mean something else. So before Hydra reads the command line, values that
are paths are quoted as Hydra wants them, and words that are not settings become `data.path`.
"""

import os
import re
import shlex
from glob import glob, has_magic
from pathlib import Path

from hydra.core.override_parser.types import Quote, QuotedString

from pipeline.config import Config, uninterpolated

_CONF = Path(__file__).resolve().parent.parent / "conf"

PATHS = re.compile(
    r"data\.(path|root|genders|silhouettes|parts|unpack_to|intrinsics|films)"
    r"|detector\.(path|config|checkpoint|person_boxes|person_config|person_checkpoint)"
    r"|(data|detector)\.(body|poses|motions|errors)"
    r"|models\.\w+|runtime\.\w+_dir|hydra\.(run|sweep)\.(dir|subdir)"
)
"""Settings that may name a file or folder; their values are taken literally."""

OPTIONS = {
    "--help": 0,
    "-h": 0,
    "--hydra-help": 0,
    "--version": 0,
    "--resolve": 0,
    "--run": 0,
    "-r": 0,
    "--multirun": 0,
    "-m": 0,
    "--shell-completion": 0,
    "-sc": 0,
    "--cfg": 1,
    "-c": 1,
    "--package": 1,
    "-p": 1,
    "--config-path": 1,
    "-cp": 1,
    "--config-name": 1,
    "-cn": 1,
    "--config-dir": 1,
    "-cd": 1,
    "--experimental-rerun": 1,
    "--info": "?",
    "-i": "?",
}
"""Hydra's options, and how many words follow each; `?`: one of _INFO, or none."""

COMPLETION = {"-sc", "--shell-completion"}
"""With one of these, the words are for Hydra, and the line to complete is in COMP_LINE."""

_INFO = ("all", "config", "defaults", "defaults-tree", "plugins", "searchpath")
_SWEEPS = {"-m", "--multirun", "hydra.mode=MULTIRUN"}
_SETTING = re.compile(r"(?:\+\+?|~)?([A-Za-z_$][\w$.\-/:@]*)=(.*)", re.DOTALL)
_REMOVAL = re.compile(r"~([A-Za-z_$][\w$.\-/:@]*)")


def overrides_of(words: list[str]) -> list[str]:
    """The words that Hydra gets instead of those that were typed.

    A word is one of Hydra's options, a setting (`key=value`, `~key`), or an input. Words after `--`
    are inputs, and so is an existing file whose name has a `=` or begins with a dash.

    Args:
        words: the command line after the program's name.

    Returns:
        Options first (Hydra wants the others together), then settings, and `data.path` last.
    """
    options, settings, inputs = _sorted(words)
    sweeps = not _SWEEPS.isdisjoint(words)
    if inputs:
        paths = [word for word in settings if re.match(r"\+*data\.path=", word)]
        settings = [word for word in settings if word not in paths]
        named = [path for word in paths[-1:] for path in _listed(word.partition("=")[2])]
        values = [_quoted(path) for path in (*named, *inputs)]
        value = values[0] if len(values) == 1 else f"[{','.join(values)}]"
        return [*options, *(_literal(word, sweeps) for word in settings), f"data.path={value}"]
    return [*options, *(_literal(word, sweeps) for word in settings)]


def without_inputs(line: str) -> str:
    """A command line that is being typed, without the parts that Hydra's completion cannot read.

    Inputs and paths do not change the completions of other words. The last word is kept if it may
    become a setting.
    """
    try:
        words = shlex.split(line)
    except ValueError:  # inside quotes it is a name, which the shell completes itself
        return line.split(maxsplit=1)[0] + " "
    program = 2 if len(words) > 1 and "python" in words[0] else 1
    last = "" if line[-1:].isspace() or len(words) <= program else words[-1]
    done = words[program : len(words) - bool(last)]
    options, settings, _ = _sorted(done)
    settings = [word for word in settings if not PATHS.fullmatch(word.partition("=")[0])]
    last = "" if re.search(r"\s", last) else last
    return " ".join([*words[:program], *options, *settings, last])


def job_folder(number: int, overrides: list[str], words: list[str]) -> str:
    """The name of the folder of a multirun's job: its number and the settings that were swept over.

    Args:
        number: of the job.
        overrides: of the job.
        words: of the command line; overrides that it has as they are were not swept over.
    """
    swept = ",".join(word for word in overrides if word not in words)
    safe = re.sub(r"[^\w.=,+-]+", "_", swept)
    return f"{number}_{safe}".rstrip("_")[:100]


def _sorted(words: list[str]) -> tuple[list[str], list[str], list[str]]:
    """Hydra's options with their values, settings and inputs."""
    options: list[str] = []
    settings: list[str] = []
    inputs: list[str] = []
    rest = iter(words)
    for word in rest:
        if word == "--":
            inputs += rest
        elif word.partition("=")[0] in OPTIONS or (word.startswith("-") and not _is_there(word)):
            options.append(word)
            if OPTIONS.get(word) == 1:
                options += [value for value in (next(rest, None),) if value is not None]
        elif options and OPTIONS.get(options[-1]) == "?" and word in _INFO:
            options.append(word)
        elif _is_setting(word):
            settings.append(word)
        else:
            inputs.append(word)
    return options, settings, inputs


def _is_setting(word: str) -> bool:
    if removal := _REMOVAL.fullmatch(word):
        return not _is_there(word) and _root(removal[1]) in _roots()
    match = _SETTING.fullmatch(word)
    return bool(match) and (_is_known(match[1], match[2]) or not _is_there(word))


def _is_known(key: str, value: str) -> bool:
    """Whether a word can only be a setting, even if a file has this name."""
    if (_CONF / key).is_dir():
        choices = [*(path.stem for path in (_CONF / key).glob("*.yaml")), "null"]
        return all(choice in choices for choice in value.split(","))
    return _root(key) in _roots()


def _root(key: str) -> str:
    return re.split(r"[./@]", key)[0]


def _roots() -> set[str]:
    """What keys begin with."""
    groups = {path.name for path in _CONF.iterdir() if path.is_dir()}
    return groups | set(Config.__dataclass_fields__) | {"hydra"}


def _literal(word: str, sweeps: bool) -> str:
    """A setting, with its value quoted if that is a path."""
    key, _, value = word.partition("=")
    if not value or not PATHS.fullmatch(key.lstrip("+")):
        return word
    if _is_there(value):
        return f"{key}={_quoted(value)}"
    if value == "null" or _is_quoted(value) or _interpolates(value):
        return word
    if sweeps and re.fullmatch(r"choice\(.*\)", value, re.DOTALL):
        return word
    if sweeps and "," in value and all(map(_is_there, value.split(","))):
        return f"{key}={','.join(map(_quoted, value.split(',')))}"
    if value[0] == "[" and value[-1] == "]":
        return f"{key}=[{','.join(map(_quoted, _listed(value)))}]"
    return f"{key}={_quoted(value)}"


def _listed(value: str) -> list[str]:
    """The paths of a value: itself, or what is between its brackets; quotes keep commas."""
    if _is_quoted(value) and not _is_there(value):
        return [value[1:-1]]
    if _is_there(value) or not (value[:1] == "[" and value[-1:] == "]"):
        return [value]
    found = re.findall(r"""\s*('[^']*'|"[^"]*"|[^,]+)\s*(?:,|$)""", value[1:-1])
    return [item[1:-1] if _is_quoted(item) else item.strip() for item in found]


def _quoted(text: str) -> str:
    """A value as a quoted text of Hydra's grammar."""
    return QuotedString(uninterpolated(text), Quote.single).with_quotes()


def _is_quoted(value: str) -> bool:
    return len(value) > 1 and value[0] == value[-1] and value[0] in "'\""


def _interpolates(value: str) -> bool:
    """Whether a value refers to a setting, `${runtime.cache_dir}`, or a resolver, `${now:%Y}`."""
    found = re.findall(r"\$\{\s*(\w+)[.:]", value)
    return bool(found) and set(found) <= _roots() | {"oc", "now"}


def _is_there(name: str) -> bool:
    """Whether a file, folder or link has this name, or files match this pattern."""
    if os.path.lexists(os.path.expanduser(name)):
        return True
    return has_magic(name) and bool(glob(os.path.expanduser(name)))
