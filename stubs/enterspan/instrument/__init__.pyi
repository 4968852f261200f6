# Made by `enterspan stubs` from the annotated source: don't edit it.
"""Functions of other packages, traced: picked by patterns, wrapped, and put back."""
