"""Keypoint files: their formats, how names match, and what their numbers mean."""
