# Made by `enterspan stubs` from the annotated source: don't edit it.
"""Instruments functions of other packages: picks them by patterns, wraps and restores them."""
