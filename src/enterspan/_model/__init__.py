"""Values without behaviour: ids, attributes, limits, records, exceptions, the clock."""
