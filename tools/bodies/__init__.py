"""How assets/bodies/*.npz are made from MakeHuman's CC0 data; run by tools/build_bodies.py."""
