# Made by `enterspan stubs` from the annotated source: don't edit it.
"""Where traces go: each module here is one place, and none knows of another."""
