"""Every option that a tree of sections declares, by its name in the file."""

from __future__ import annotations

from typing import Any, get_args

from pydantic import BaseModel

from agent.config.base import Section


def list_options(whole: type[BaseModel]) -> list[tuple[str, str, str, str]]:
    """Return every option as (key, type, default, sentence), in the order of the file."""
    rows: list[tuple[str, str, str, str]] = []
    for section, model in _sections(whole):
        for key, option in model.model_fields.items():
            default = "required" if option.is_required() else repr(option.default)
            kind = getattr(option.annotation, "__name__", str(option.annotation))
            sentence = option.description or "Chooses the driver."
            rows.append((f"{section}.{key}", kind, default, sentence))
    return rows


def drivers_by_key(whole: type[BaseModel]) -> dict[str, list[str]]:
    """Return, for each key that only some drivers have or all of them, which these are."""
    drivers: dict[str, list[str]] = {}
    for section, model in _sections(whole):
        driver = model.model_fields.get("driver")
        if driver is not None:
            for key in model.model_fields:
                names = map(str, get_args(driver.annotation))
                drivers.setdefault(f"{section}.{key}", []).extend(names)
    return drivers


def _sections(whole: type[BaseModel]) -> list[tuple[str, type[Section]]]:
    return [
        (name, model)
        for name, field in whole.model_fields.items()
        for model in _section_models(field.annotation)
    ]


def _section_models(annotation: Any) -> list[type[Section]]:
    if isinstance(annotation, type) and issubclass(annotation, Section):
        return [annotation]
    return [model for inner in get_args(annotation) for model in _section_models(inner)]
