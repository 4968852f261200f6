"""`enterspan view`: what can be made of a recording."""
