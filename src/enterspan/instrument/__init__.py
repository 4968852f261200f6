"""Instruments functions of other packages: picks them by patterns, wraps and restores them."""

# internal modules: users import the package
