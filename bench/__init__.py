"""Our figures beside floors and peers, in one run: `make bench`."""
