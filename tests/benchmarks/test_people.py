import numpy as np
import pytest

from benchmarks.people import Counts, Labels, counted, read_labels
from detectors.base import Detections
from detectors.skeletons import BLAZEPOSE_33

SIZE = (400, 300)


def finds(*boxes):
    """Upright people whose joints span these boxes, faces at the top."""
    keypoints = np.zeros((len(boxes), 33, 2))
    for row, (x0, y0, x1, y1) in enumerate(boxes):
        heights = np.linspace(y0, y1, 33)
        keypoints[row] = np.stack([np.where(np.arange(33) % 2, x0, x1), heights], axis=1)
    n = len(boxes)
    return Detections(
        frame=np.zeros(n, np.int32),
        track=np.arange(n, dtype=np.int32),
        boxes=np.array(boxes, np.float32).reshape(n, 4),
        keypoints=keypoints.astype(np.float32),
        scores=np.ones((n, 33), np.float32),
        joint_names=BLAZEPOSE_33,
    )


def people(*boxes, ignore=()):
    heads = [[(x0 + x1) / 2, y0 + 0.1 * (y1 - y0), 0.1 * (y1 - y0)] for x0, y0, x1, y1 in boxes]
    return Labels(
        np.reshape(np.array(boxes, float), (-1, 4)),
        np.reshape(np.array(heads, float), (-1, 3)),
        np.array([i in ignore for i in range(len(boxes))], bool),
    )


A, B = (50, 100, 110, 280), (200, 100, 260, 280)


@pytest.mark.parametrize(
    ("found", "labels", "expected"),
    [
        (finds(A, B), people(A, B), Counts(2, 0, 0)),
        (finds(A), people(A, B), Counts(1, 1, 0)),
        (finds(A, B), people(A), Counts(1, 0, 1)),
        (finds(A, A), people(A), Counts(1, 0, 1)),
        (finds(A, B), people(A, B, ignore=[1]), Counts(1, 0, 0)),
        (finds(A), people(A, B, ignore=[1]), Counts(1, 0, 0)),
        (finds(), people(A), Counts(0, 1, 0)),
        (finds(A), people(), Counts(0, 0, 1)),
        (finds(), people(), Counts()),
    ],
)
def test_counts(found, labels, expected):
    assert counted(found, labels, SIZE)[0] == expected


def test_half_a_person_counts_if_the_face_is_in_the_head():
    upper, lower = (50, 100, 110, 170), (50, 210, 110, 280)
    assert counted(finds(upper), people(A), SIZE)[0] == Counts(1, 0, 0)
    assert counted(finds(lower), people(A), SIZE)[0] == Counts(0, 1, 1)
    assert counted(finds(upper, lower), people(A), SIZE)[1].tolist() == [1, -1]


def test_rates():
    counts = Counts(8, 2, 0) + Counts(0, 0, 2)
    assert (counts.precision, counts.recall, counts.f1) == pytest.approx((0.8, 0.8, 0.8))


def test_every_label_is_a_box_with_a_head():
    halves = read_labels()
    assert {half: len(pictures) for half, pictures in halves.items()} == {
        "choose": 91,
        "report": 86,
        "group": 1,
        "blind": 90,
    }
    (group,) = halves["group"].values()
    assert len(group.boxes) == 29
    for pictures in halves.values():
        for (name, _), labels in pictures.items():
            size = labels.boxes[:, 2:] - labels.boxes[:, :2]
            assert (size > 5).all(), name
            counts = ~labels.ignore
            inside = (labels.heads[:, :2] >= labels.boxes[:, :2]) & (
                labels.heads[:, :2] <= labels.boxes[:, 2:]
            )
            assert inside[counts].all(), name
            assert (labels.heads[counts, 2] > 0).all(), name
