"""Functions of other packages, traced: picked by patterns, wrapped, and put back."""

# internal modules: users import the package
