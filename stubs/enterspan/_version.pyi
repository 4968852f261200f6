# Made by `enterspan stubs` from the annotated source: don't edit it.
"""The version, in the one place where the build reads it too."""

__version__: str = "0.2.0"
