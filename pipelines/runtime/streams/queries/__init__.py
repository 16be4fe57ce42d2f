"""The streaming queries of a lake, one file each."""
