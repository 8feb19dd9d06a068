"""A body: what makes one, what is refused, and its mesh."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from fitting import BodyModel, BodyParams, load_body_model
from fitting.joints import EXTRA
from tests.toy_body import toy_body


def test_a_missing_body_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"no body .* at .*nobody\.npz"):
        load_body_model(tmp_path / "nobody.npz")


def test_a_body_that_carries_pickles_is_refused_unread(tmp_path, body):
    class Bomb:
        def __reduce__(self):
            return (print, ("executed",))

    path = tmp_path / "bomb.npz"
    np.savez(path, v_template=np.array([Bomb()], dtype=object))
    with pytest.raises(ValueError, match="without pickles"):
        load_body_model(path)


def test_a_body_that_lacks_a_field_says_which(tmp_path):
    np.savez(tmp_path / "half.npz", v_template=np.zeros((5, 3)), f=np.zeros((1, 3)))
    with pytest.raises(ValueError, match="lacks shapedirs, J_regressor, weights, kintree"):
        load_body_model(tmp_path / "half.npz")


@pytest.mark.parametrize("damage", [b"", b"PK", b"not an npz at all"])
def test_a_damaged_model_is_told_from_a_missing_one(tmp_path, damage):
    path = tmp_path / "body.npz"
    path.write_bytes(damage)
    with pytest.raises(ValueError, match=r"body\.npz is no body"):
        load_body_model(path)


def other(**changes: object) -> BodyModel:
    return replace(toy_body(), **changes)  # pyright: ignore[reportArgumentType]


def swapped_parents() -> np.ndarray:
    parents = toy_body().parents.copy()
    parents[4] = 7
    return parents


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"posedirs": np.zeros((40, 3, 93))}, r"posedirs: expected shape \(40, 3, 207\), got"),
        ({"landmarks": np.arange(3)}, r"landmarks: expected shape \(11,\), got \(3,\)"),
        ({"weights": np.full((40, 24), 1 / 23)}, "weights: expected rows that sum to 1"),
        ({"J_regressor": np.full((24, 40), 1 / 30)}, "J_regressor: expected rows that sum to 1"),
        ({"parents": swapped_parents()}, "kintree_table: expected every parent before its"),
        ({"head_top": 40}, "head_top: expected vertices below 40"),
        ({"landmarks": np.arange(-1, 10)}, "landmarks: expected vertices below 40"),
    ],
)
def test_what_is_no_body_is_refused(changes: dict, message: str) -> None:
    with pytest.raises(ValueError, match=rf"^body model {message}"):
        other(**changes)


def params(n: int = 3, n_betas: int = 10, spread: float = 0.5) -> BodyParams:
    rng = np.random.default_rng(0)
    return BodyParams(
        betas=rng.normal(size=(n, n_betas)),
        global_orient=rng.normal(0, spread, (n, 3)),
        body_pose=rng.normal(0, spread, (n, 69)),
        transl=rng.normal(size=(n, 3)),
    )


@pytest.mark.parametrize("name", ["global_orient", "body_pose", "transl"])
def test_parameters_have_one_row_per_body(name: str) -> None:
    with pytest.raises(ValueError, match=rf"BodyParams\.{name}: expected shape \(3, \d+\), got"):
        replace(params(), **{name: getattr(params(), name)[:2]})


def test_a_body_at_rest_is_the_template_with_its_shape_and_place(body: BodyModel) -> None:
    still = params(spread=0.0)
    expected = body.v_template + np.einsum("vcb,nb->nvc", body.shapedirs, still.betas)
    found = body.vertices(still)
    np.testing.assert_allclose(found, expected + still.transl[:, None], atol=1e-6)


def test_betas_that_are_not_given_are_zero(body: BodyModel) -> None:
    few = params(n_betas=2)
    zeros = replace(few, betas=np.pad(few.betas, ((0, 0), (0, 8))))
    np.testing.assert_allclose(body.vertices(few), body.vertices(zeros), atol=1e-12)


def test_a_body_is_posed_the_same_alone_and_nobody_has_no_mesh(body: BodyModel) -> None:
    many = params()
    together = body.vertices(many)
    for row in range(3):
        alone = body.vertices(many[row : row + 1])
        np.testing.assert_allclose(alone[0], together[row], atol=1e-12)
    assert body.vertices(many[:0]).shape == (0, 6890, 3)


def test_turning_a_joint_moves_the_skin_below_it_alone(body: BodyModel) -> None:
    rest = replace(params(1), body_pose=np.zeros((1, 69)))
    pose = np.zeros((1, 69))
    pose[0, 3 * 18 - 3 : 3 * 18] = 0.3, -0.5, 0.2  # the left elbow
    moved = np.abs(body.vertices(replace(rest, body_pose=pose)) - body.vertices(rest)).max((0, 2))
    below = body.weights[:, [18, 20, 22]].sum(1)
    assert moved[below == 0].max() < 1e-9
    hand = body.weights[:, 22] > 0.9
    assert moved[hand].min() > 0.05


def fields(**changes: np.ndarray) -> dict[str, np.ndarray]:
    body = toy_body()
    kept = ("v_template", "shapedirs", "posedirs", "J_regressor", "weights")
    table = np.stack([body.parents, np.arange(24)])
    return {n: getattr(body, n) for n in kept} | {"f": body.faces, "kintree_table": table} | changes


def test_points_of_face_and_feet_are_known_by_name(tmp_path: Path) -> None:
    """Names may come in any order and among others; without them, SMPL's own vertices count."""
    names, vertices = [*EXTRA[::-1], "left_thumb"], [*range(30, 19, -1), 3]
    named = {"landmark_names": np.array(names), "landmark_vertices": np.array(vertices)}
    np.savez(tmp_path / "body.npz", **fields(**named, head_top=np.array(5)))
    found = load_body_model(tmp_path / "body.npz")
    assert found.landmarks.tolist() == list(range(20, 31))
    assert found.head_top == 5
    named["landmark_names"] = np.array(["snout" if n == "nose" else n for n in names])
    np.savez(tmp_path / "lacks.npz", **fields(**named))
    with pytest.raises(ValueError, match=r"landmark_names: lacks nose$"):
        load_body_model(tmp_path / "lacks.npz")
    np.savez(tmp_path / "plain.npz", **fields())
    with pytest.raises(ValueError, match="head_top: expected vertices below 40"):
        load_body_model(tmp_path / "plain.npz")  # SMPL's 411: a toy has no such vertex
