"""Typed stubs: what a checker is to see of a package, rendered from its annotated source.

Imported by the command `enterspan stubs` only.
"""
# internal: it is the command that is public
