"""Reading trace files: parsing, assembling, filtering."""
