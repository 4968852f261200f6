"""`enterspan view` and `diff`: the forms of output for recordings."""
