"""The daemon of one controller: reads, decides, releases, journals, syncs."""
