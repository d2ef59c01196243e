"""Texts from outside (a shop's handler, an exception) made fit to be stored and sent."""

from __future__ import annotations


def storable(text: str) -> str:
    """The text with what UTF-8 can't hold replaced by `?`.

    A lone surrogate, as JSON text that was cut inside an emoji has it, can't be encoded: it would
    fail the whole write that it is part of.
    """
    return text.encode("utf-8", "replace").decode("utf-8")


def describe(error: BaseException) -> str:
    """`Type: message` of an exception, even where its own message can't be made."""
    try:
        return storable(f"{type(error).__name__}: {error}")
    except Exception as unprintable:  # noqa: BLE001 - its `__str__` is not ours
        return f"{type(error).__name__} (its message can't be shown: {type(unprintable).__name__})"
