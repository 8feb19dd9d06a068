"""2-D detectors: images in, each detector's own joints with their names and scores out."""
