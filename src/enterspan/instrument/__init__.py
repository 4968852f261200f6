"""Functions of other packages, traced: picked by patterns, wrapped, and put back."""
