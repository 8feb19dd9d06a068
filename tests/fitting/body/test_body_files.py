"""Bodies and regressors are found by the names that official files come with."""

from pathlib import Path

import pytest

from fitting.body.body_files import find_body, find_regressors, is_official, matching_bodies

OFFICIAL_NAMES = {
    "neutral": ("basicModel_neutral_lbs_10_207_0_v1.0.0.pkl", "SMPL_NEUTRAL.pkl", "neutral.npz"),
    "female": ("basicModel_f_lbs_10_207_0_v1.0.0.pkl", "SMPL_FEMALE.npz", "female.npz"),
    "male": ("basicmodel_m_lbs_10_207_0_v1.1.0.pkl", "SMPL_MALE.pkl", "male.pkl"),
}


@pytest.mark.parametrize("folder", ["", "smpl", "models", "smpl/models"])
@pytest.mark.parametrize("gender", OFFICIAL_NAMES)
def test_bodies_are_found_by_their_names(gender: str, folder: str, tmp_path: Path) -> None:
    (tmp_path / folder).mkdir(parents=True, exist_ok=True)
    for names in OFFICIAL_NAMES.values():  # other genders' files lie beside it
        (tmp_path / folder / names[0]).touch()
    expected = tmp_path / folder / OFFICIAL_NAMES[gender][0]
    assert matching_bodies(tmp_path, gender) == [expected]
    for name in OFFICIAL_NAMES[gender][1:]:  # each is preferred to those before it
        expected = tmp_path / folder / name
        expected.touch()
        assert find_body(tmp_path, gender) == expected


def test_of_several_the_order_is_fixed(tmp_path: Path) -> None:
    (tmp_path / "models").mkdir()
    stem = "basicmodel_f_lbs_10_207_0"
    for name in (f"models/{stem}_v1.0.0.pkl", f"{stem}_v1.0.0.pkl", f"{stem}_v1.1.0.pkl"):
        (tmp_path / name).touch()
    names = [str(path.relative_to(tmp_path)) for path in matching_bodies(tmp_path, "female")]
    assert names == [f"{stem}_v1.1.0.pkl", f"{stem}_v1.0.0.pkl", f"models/{stem}_v1.0.0.pkl"]


def test_a_file_is_the_body_whatever_its_name(tmp_path: Path) -> None:
    path = tmp_path / "mine.pkl"
    path.touch()
    assert find_body(path, "female") == path


def test_what_was_looked_for_is_listed(tmp_path: Path) -> None:
    (tmp_path / "SMPL_MALE.pkl").touch()
    expected = (
        r"no female body in .*: expected female\.npz, female\.pkl, SMPL_FEMALE\.npz, "
        r"SMPL_FEMALE\.pkl, basicmodel_f_lbs_10_207_0_v\*\.pkl; there or in smpl, models"
    )
    with pytest.raises(FileNotFoundError, match=expected):
        find_body(tmp_path, "female")
    with pytest.raises(FileNotFoundError, match=r"no file or folder at .*nowhere"):
        find_body(tmp_path / "nowhere", "female")


@pytest.mark.parametrize(
    ("body", "word"),
    [
        ("basicModel_neutral_lbs_10_207_0_v1.0.0.pkl", "hybrid"),
        ("basicModel_f_lbs_10_207_0_v1.0.0.pkl", "female"),
        ("SMPL_MALE.pkl", "male"),
    ],
)
def test_regressors_are_those_of_the_bodys_gender(body: str, word: str, tmp_path: Path) -> None:
    assert find_regressors(tmp_path / body) is None
    for other in ("hybrid", "female", "male"):
        (tmp_path / f"regressors_locked_normalized_{other}.npz").touch()
    expected = tmp_path / f"regressors_locked_normalized_{word}.npz"
    assert find_regressors(tmp_path / body) == expected
    assert find_regressors(tmp_path / "mine.pkl") is None


@pytest.mark.parametrize(
    ("name", "official"),
    [
        ("SMPL_NEUTRAL.pkl", True),
        ("SMPL_MALE.npz", True),
        ("basicModel_f_lbs_10_207_0_v1.0.0.pkl", True),
        ("basicmodel_neutral_lbs_10_207_0_v1.1.0.pkl", True),
        ("neutral.npz", False),
        ("SMPLX_NEUTRAL.npz", False),
    ],
)
def test_official_bodies_are_known_by_their_names(name: str, official: bool) -> None:
    assert is_official(Path("models") / name) == official


@pytest.mark.parametrize(
    ("name", "model"),
    [
        ("SMPLX_NEUTRAL.npz", "SMPL-X"),
        ("smplx/SMPLX_FEMALE.pkl", "SMPL-X"),
        ("smplh/SMPLH_male.pkl", "SMPL-H"),
        ("mano/MANO_RIGHT.pkl", "MANO"),
        ("flame/FLAME_NEUTRAL.pkl", "FLAME"),
    ],
)
def test_a_folder_of_other_models_says_so(name: str, model: str, tmp_path: Path) -> None:
    (tmp_path / name).parent.mkdir(exist_ok=True)
    (tmp_path / name).touch()
    with pytest.raises(FileNotFoundError, match=rf"{name} in it is {model}, which cannot be used"):
        find_body(tmp_path, "neutral")
