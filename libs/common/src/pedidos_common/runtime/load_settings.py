"""Reading settings at start; a wrong one is told in words and ends the process."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar

from pydantic import ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails
from pydantic_settings import BaseSettings

from pedidos_common.runtime.giving_up import give_up
from pedidos_common.runtime.redaction import redact

LONGEST_VALUE_SHOWN = 80

S = TypeVar("S", bound=BaseSettings)


def load(model: type[S]) -> S:
    """The settings of this process, from the environment.

    A value may also stand in a file of the variable's name in the folder `SECRETS_DIR`. A wrong
    value is told on standard error, by its variable's name and what is allowed, and the process
    exits with status 2.
    """
    folder = os.environ.get("SECRETS_DIR") or None
    if folder is not None and not Path(folder).is_dir():
        give_up(f", a setting is wrong:\n  SECRETS_DIR={folder}: must be a folder that is there")
    try:
        return model(_secrets_dir=folder)
    except ValidationError as wrong:
        problems = "\n".join(f"  {line}" for line in explain(model, wrong, os.environ))
        give_up(f", a setting is wrong:\n{problems}")


def explain(
    model: type[BaseSettings], wrong: ValidationError, environ: Mapping[str, str]
) -> list[str]:
    """One line for each wrong setting; a secret's value is never in it."""
    values = {name.upper(): value for name, value in environ.items()}
    return [_line(model, error, values) for error in wrong.errors(include_input=False)]


def _line(model: type[BaseSettings], error: ErrorDetails, values: Mapping[str, str]) -> str:
    name = str(error["loc"][0]) if error["loc"] else "settings"
    field = model.model_fields.get(name)
    variable = name.upper()
    shown = _shown(field, values.get(variable))
    return f"{variable}{shown}: {reason_of(error)}{_default(field)}"


def _shown(field: FieldInfo | None, value: str | None) -> str:
    if value is None or field is None or "Secret" in str(field.annotation):
        return ""
    return f"={redact(value)[:LONGEST_VALUE_SHOWN]}"


def reason_of(error: ErrorDetails) -> str:
    """What a value must be, in words that follow its name."""
    context: Mapping[str, Any] = error.get("ctx", {})
    match error["type"]:
        case "int_parsing" | "int_from_float" | "int_type":
            return "must be a whole number"
        case "bool_parsing" | "bool_type":
            return "must be true or false"
        case "literal_error":
            return f"must be {context['expected']}"
        case "string_pattern_mismatch":
            return f"must match {context['pattern']}"
        case "string_too_short" | "too_short":
            return "is too short"
        case "value_error":
            return f"must be {context['error']}"
        case _:
            return error["msg"].replace("Input should", "must").replace("Value should", "must")


def _default(field: FieldInfo | None) -> str:
    if field is None:
        return ""
    limits = " and ".join(_limits(field))
    default = "" if field.default is None or "Secret" in str(field.annotation) else field.default
    allowed = f"; allowed is {limits}" if limits else ""
    return f"{allowed}{f'; the default is {default}' if default != '' else ''}"


def _limits(field: FieldInfo) -> list[str]:
    words = {"ge": "at least", "le": "at most", "min_length": "at least", "max_length": "at most"}
    return [
        f"{word} {getattr(limit, attribute)}{' characters' if 'length' in attribute else ''}"
        for limit in field.metadata
        for attribute, word in words.items()
        if getattr(limit, attribute, None) is not None
    ]
