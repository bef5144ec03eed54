"""Reading a configuration file: YAML text into a frozen model, or an error that names file and key."""

from __future__ import annotations

import difflib
from collections.abc import Hashable
from pathlib import Path
from typing import TypeVar, get_args

import yaml
from pydantic import BaseModel, ConfigDict, ValidationError
from pydantic_core import ErrorDetails

from config.errors import ConfigError


class ConfigModel(BaseModel):
    """A part of a configuration file: cannot change once read, and refuses keys it does not know."""

    model_config = ConfigDict(frozen=True, extra="forbid", str_strip_whitespace=True)


Model = TypeVar("Model", bound=ConfigModel)


class _TextLoader(getattr(yaml, "CBaseLoader", yaml.BaseLoader)):  # type: ignore[misc]
    """Every scalar is text, so that the codes NO, 07 and Y stay what they are; a key may stand once only."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, object]:
        seen: set[str] = set()
        for key_node, _ in node.value:
            if key_node.value in seen:
                raise yaml.MarkedYAMLError(
                    problem=f"the key {key_node.value!r} stands twice", problem_mark=key_node.start_mark
                )
            seen.add(key_node.value)
        result: dict[Hashable, object] = super().construct_mapping(node, deep=deep)
        return result


def read_config(path: Path, model: type[Model]) -> Model:
    """Read a YAML file into a model.

    Raises:
        ConfigError: the first thing that is wrong with the file.
    """
    found, problems = try_config(path, model)
    if found is None:
        raise problems[0]
    return found


def try_config(path: Path, model: type[Model]) -> tuple[Model | None, list[ConfigError]]:
    """Read a YAML file into a model, or return everything that is wrong with it."""
    try:
        content = yaml.load(path.read_text(encoding="utf-8"), Loader=_TextLoader)  # noqa: S506  builds text only
    except OSError as error:
        return None, [ConfigError(path, "", "the file cannot be read", f"Check that it exists: {error.strerror}.")]
    except UnicodeDecodeError:
        return None, [ConfigError(path, "", "the file is not UTF-8 text", "Save it as UTF-8.")]
    except yaml.YAMLError as error:
        return None, [_syntax_error(path, error)]
    if not isinstance(content, dict):
        return None, [ConfigError(path, "", "the file holds no keys", "Write `key: value` lines.")]
    try:
        return model.model_validate(content), []
    except ValidationError as error:
        known = known_keys(model)
        return None, [_as_config_error(path, each, known) for each in error.errors(include_url=False)]


def _syntax_error(path: Path, error: yaml.YAMLError) -> ConfigError:
    if not isinstance(error, yaml.MarkedYAMLError) or error.problem_mark is None:
        return ConfigError(path, "", "the file is not YAML", "Check its indentation and quotes.")
    line = f"line {error.problem_mark.line + 1}"
    return ConfigError(path, line, error.problem or "not YAML", "Check indentation, quotes and repeated keys there.")


def _as_config_error(path: Path, error: ErrorDetails, known: frozenset[str]) -> ConfigError:
    key = ".".join(str(part) for part in error["loc"])
    if error["type"] == "extra_forbidden":
        return ConfigError(path, key, "no such key", _nearest_key(str(error["loc"][-1]), known))
    if error["type"] == "missing":
        return ConfigError(path, key, "the key is missing", "Add it; the example in the shipped file shows its form.")
    problem = error["msg"].removeprefix("Value error, ")
    return ConfigError(path, key, problem[:1].lower() + problem[1:], "Correct the value.")


def _nearest_key(key: str, known: frozenset[str]) -> str:
    near = difflib.get_close_matches(key, sorted(known), n=1)
    return f"Did you mean `{near[0]}`?" if near else "Remove it."


def known_keys(model: type[BaseModel]) -> frozenset[str]:
    """All keys that a file of this model may hold, those of its parts included."""
    keys = set(model.model_fields)
    for field in model.model_fields.values():
        for part in _models_within(field.annotation):
            keys |= known_keys(part)
    return frozenset(keys)


def _models_within(annotation: object) -> list[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [model for argument in get_args(annotation) for model in _models_within(argument)]
