"""The contenders, a file each."""
