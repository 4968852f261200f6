"""Where traces go: each module here is one place, and none knows of another."""
