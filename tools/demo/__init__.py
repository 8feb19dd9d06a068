"""The parts of tools/make_demo.py: people, their clothes, rooms and light."""
