# Made by `enterspan stubs` from the annotated source: don't edit it.
"""The version of the package; the build reads it from here."""

__version__: str = "0.2.0"
