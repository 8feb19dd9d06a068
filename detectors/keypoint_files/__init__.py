"""Files of keypoints: their formats, whose names they have, and what their numbers mean."""
