"""`typing.get_type_hints` works on what users see: every name in an annotation exists at run time."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
import typing

import pytest

import enterspan.catalogue
import enterspan.stubgen

PACKAGES = (enterspan.catalogue, enterspan.stubgen)
MODULES = (
    *[info.name for p in PACKAGES for info in pkgutil.iter_modules(p.__path__, p.__name__ + ".")],
    "enterspan._model.toml",
    "enterspan.exporters._files",
    "enterspan.exporters._json",
    "enterspan.exporters._protobuf",
    "enterspan.exporters.jsonlines",
    "enterspan.exporters.otel",
    "enterspan.exporters.otlp",
    "enterspan.sampling",
)
# Their modules import names for type checkers only.
LEFT_OUT = (
    "enterspan.catalogue.command",
    "enterspan.catalogue.comparison",
    "enterspan.catalogue.draft",
    "enterspan.catalogue.recorded",
    "enterspan.catalogue.spans",
)


def annotated(module):
    """The functions and classes that a module defines, and their methods."""
    for name, value in vars(module).items():
        if getattr(value, "__module__", None) != module.__name__:
            continue
        if inspect.isfunction(value):
            yield name, value
        elif inspect.isclass(value):
            # The hints of a class include those of its bases, each in its own module.
            if {base.__module__ for base in value.__mro__ if "enterspan" in base.__module__} == {
                module.__name__
            }:
                yield name, value
            for member, raw in vars(value).items():
                method = raw.fget if isinstance(raw, property) else inspect.unwrap(raw)
                method = getattr(method, "__func__", method)
                if inspect.isfunction(method):
                    yield f"{name}.{member}", method


@pytest.mark.parametrize("name", [name for name in MODULES if name not in LEFT_OUT])
def test_every_annotation_can_be_resolved(name):
    """Those of functions, classes, methods and properties, private ones as well."""
    if name == "enterspan.exporters.otel":
        pytest.importorskip("opentelemetry.sdk")
    found = dict(annotated(importlib.import_module(name)))
    for function in found.values():
        typing.get_type_hints(function)


def test_the_walk_finds_methods_properties_and_class_methods():
    """Else nothing would be tested."""
    names = dict(annotated(importlib.import_module("enterspan.sampling")))
    assert {"TailSampling", "TailSampling.export", "TailSampling.stats", "ByName"} <= names.keys()


def test_an_annotation_that_has_no_value_is_noticed():
    """A planted fault: a name that only a type checker knows."""

    def broken(x: Missing) -> None: ...  # noqa: F821

    with pytest.raises(NameError):
        typing.get_type_hints(broken)
