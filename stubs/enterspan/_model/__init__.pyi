# Made by `enterspan stubs` from the annotated source: don't edit it.
"""Values without behaviour: ids, attributes, limits, records, exceptions, the clock."""
