"""The doctor's checks; each stands alone, and loads native libraries in other processes only."""
