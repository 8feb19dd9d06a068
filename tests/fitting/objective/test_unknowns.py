"""The place of each unknown in a step."""

import pytest

from fitting.objective.unknowns import Unknowns


def test_a_step_is_laid_out_as_the_unknowns_say():
    unknowns = Unknowns(root=True, joints=(1, 4), n_betas=4, transl=True)
    assert unknowns.pose_entries == [0, 1, 2, 9, 10, 11]
    assert (unknowns.pose, unknowns.betas) == (slice(3, 9), slice(9, 13))
    assert (unknowns.translation, unknowns.size) == (slice(13, 16), 16)
    assert Unknowns(root=False, joints=(), n_betas=0, transl=True).size == 3


def test_entries_of_the_pose_have_their_columns_in_the_step():
    unknowns = Unknowns(root=True, joints=(2, 5), n_betas=0, transl=False)
    assert unknowns.turned == (0, 2, 5)
    assert unknowns.columns([3, 14, 12]) == [3, 8, 6]
    assert Unknowns(root=False, joints=(2, 5), n_betas=0, transl=False).columns([3]) == [0]
    with pytest.raises(ValueError, match="not in list"):
        unknowns.columns([0])  # of joint 1, which is not free


@pytest.mark.parametrize("transl", [True, False])
@pytest.mark.parametrize("n_betas", [0, 10])
@pytest.mark.parametrize("joints", [(), (1,), tuple(range(1, 24))])
@pytest.mark.parametrize("root", [True, False])
def test_the_parts_of_a_step_follow_each_other_without_gaps(root, joints, n_betas, transl):
    unknowns = Unknowns(root, joints, n_betas, transl)
    parts = [unknowns.pose, unknowns.betas, unknowns.translation]
    covered = [*range(3 * root), *(i for part in parts for i in range(part.start, part.stop))]
    assert covered == list(range(unknowns.size))
    assert unknowns.size == 3 * root + 3 * len(joints) + n_betas + 3 * transl
    assert len(unknowns.pose_entries) == 3 * len(joints)
