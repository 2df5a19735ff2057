"""The second step: find the neighbours of each sample, and embed their graph."""
