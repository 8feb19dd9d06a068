"""The GLB: joints, mesh and view are those of the fit; read here by the specification and trimesh,
and by Blender, three.js and Khronos's validator in test_other_readers.py."""

import io
from dataclasses import replace

import numpy as np
import pytest

from fitting import BodyModel
from fitting.body.body_model import BodyParams
from fitting.body.skeleton import SMPL_24
from pipeline.outputs.glb import glb_bytes
from pipeline.outputs.scene import UPRIGHT, scene_of
from tests.pipeline.outputs.glb_reader import Glb
from tests.pipeline.outputs.people import FOCAL, FPS, SIZE, smplx_joints, upright, walkers
from tests.toy_body import toy_body

MM = 1e-3


def test_a_photo_holds_everybody_posed_as_fitted(body: BodyModel) -> None:
    result = walkers({0: [0], 1: [0]})
    glb = Glb(glb_bytes(scene_of(result, body, SIZE, name='a/b "c"')))
    truth = upright(smplx_joints(body, result.params))
    vertices = upright(body.vertices(result.params))
    for person in (0, 1):
        np.testing.assert_allclose(glb.joints(person), truth[person], atol=0.01 * MM)
        (node,) = glb.named(f"person{person}_body")
        np.testing.assert_allclose(glb.skinned(node), vertices[person], atol=0.01 * MM)
        (root,) = glb.named(f"person{person}")
        assert glb.json["nodes"][root]["extras"]["track"] == person
    assert "animations" not in glb.json
    assert [glb.json["nodes"][k]["name"] for k in glb.json["skins"][1]["joints"]] == list(
        SMPL_24.names
    )
    assert glb.json["scenes"][0]["name"] == 'a/b "c"'
    assert glb.json["asset"]["extras"]["world"] == UPRIGHT


def test_trimesh_finds_the_same_joints_and_camera(body: BodyModel) -> None:
    import trimesh

    result = walkers({0: [0]})
    content = glb_bytes(scene_of(result, body, SIZE))
    loaded = trimesh.load(io.BytesIO(content), file_type="glb", process=False)
    truth = upright(smplx_joints(body, result.params))[0]
    for name, place in zip(SMPL_24.names, truth, strict=True):
        found = loaded.graph.get(name)[0][:3, 3]
        np.testing.assert_allclose(found, place, atol=MM, err_msg=name)
    (mesh,) = loaded.geometry.values()
    shape = body.shapedirs[..., :10] @ result.params.betas[0]
    np.testing.assert_allclose(mesh.vertices, body.v_template + shape, atol=0.01 * MM)
    np.testing.assert_array_equal(mesh.faces, body.faces)


def test_a_clip_moves_as_fitted_and_people_are_there_when_they_were_found(body: BodyModel) -> None:
    """A gap is crossed straight; before the first frame and after the last nobody is seen."""
    frames = {0: [0, 1, 2, 3, 4, 5], 1: [2, 4]}
    result = walkers(frames)
    glb = Glb(glb_bytes(scene_of(result, body, SIZE, fps=FPS)))
    truth = upright(smplx_joints(body, result.params))
    for row, (frame, track) in enumerate(zip(result.frame, result.track, strict=True)):
        joints = glb.joints(int(track), frame / FPS)
        np.testing.assert_allclose(joints, truth[row], atol=0.01 * MM)
    middle = glb.joints(1, 3 / FPS)
    pelvis = truth[(result.track == 1)][:, 0].mean(0)
    np.testing.assert_allclose(middle[0], pelvis, atol=0.01 * MM)
    (later,) = glb.named("person1_body")
    for frame, there in ((0, False), (1, False), (2, True), (4, True), (5, False)):
        size = np.ptp(glb.skinned(later, frame / FPS), axis=0).max()
        assert (size > 1) == there, frame
        assert there or size < 1e-6


def test_the_camera_sees_what_the_photo_s_camera_saw(body: BodyModel) -> None:
    result = walkers({0: [0], 1: [0]})
    params = result.params
    for size in (SIZE, (480, 640), (333, 1000)):
        center = (np.array(size) - 1) / 2
        camera = replace(result.camera, center=np.tile(center, (2, 1)))
        glb = Glb(glb_bytes(scene_of(replace(result, camera=camera), body, size)))
        points = body.vertices(params)[0]
        expected = FOCAL * points[:, :2] / points[:, 2:] + center
        (node,) = glb.named("person0_body")
        np.testing.assert_allclose(glb.pixels(glb.skinned(node), size), expected, atol=0.02)


def test_a_known_world_takes_camera_and_people_along(body: BodyModel) -> None:
    result = walkers({0: [0, 1]})
    still = glb_bytes(scene_of(result, body, SIZE, fps=FPS))
    matrix = np.eye(4)
    matrix[:3, :3] = [[0, 0, 1], [0, -1, 0], [1, 0, 0]]
    matrix[:3, 3] = 0.5, 1.7, 3.0
    moved = Glb(glb_bytes(scene_of(result, body, SIZE, fps=FPS, world_from_camera=matrix)))
    truth = smplx_joints(body, result.params)[1] @ matrix[:3, :3].T + matrix[:3, 3]
    np.testing.assert_allclose(moved.joints(0, 1 / FPS), truth, atol=0.01 * MM)
    (node,) = moved.named("person0_body")
    before = Glb(still)
    np.testing.assert_allclose(
        moved.pixels(moved.skinned(node), SIZE),
        before.pixels(before.skinned(node), SIZE),
        atol=0.02,
    )
    assert "floor" in moved.json["asset"]["extras"]["world"]


def test_a_body_with_more_than_four_joints_a_vertex_says_what_it_leaves_out() -> None:
    """Joints stay exact; of the skin the four largest weights are kept."""
    plain = toy_body()
    rng = np.random.default_rng(3)
    dense = replace(plain, weights=rng.dirichlet(np.full(24, 0.3), len(plain.v_template)))
    result = walkers({0: [0]}, n_betas=4)
    glb = Glb(glb_bytes(scene_of(result, dense, SIZE)))
    kept = np.sort(dense.weights, axis=1)[:, -4:].sum(1)
    left_out = glb.json["asset"]["extras"]["largest_skin_weight_left_out"]
    assert left_out == pytest.approx(1 - kept.min(), abs=1e-4)
    assert left_out > 0.05
    truth = upright(smplx_joints(dense, result.params))[0]
    np.testing.assert_allclose(glb.joints(0), truth, atol=0.01 * MM)
    (primitive,) = glb.json["meshes"][0]["primitives"]
    weights = glb.array(primitive["attributes"]["WEIGHTS_0"])
    np.testing.assert_allclose(weights.sum(1), 1, atol=1e-6)


def test_nobody_leaves_the_camera() -> None:
    scene = scene_of(walkers({0: [0]}, n_betas=4)[:0], toy_body(), SIZE)
    glb = Glb(glb_bytes(scene))
    assert [node["name"] for node in glb.json["nodes"]] == ["camera"]
    assert "buffers" not in glb.json


def test_turns_by_half_a_circle_take_the_short_way(body: BodyModel) -> None:
    """Axis-angles that jump from pi to -pi are the same turn: neighbours have one sign."""
    result = walkers({0: [0, 1]})
    orient = np.array([[np.pi - 0.01, 0, 0], [-np.pi + 0.01, 0, 0]])
    pose = np.zeros((2, 69))
    params = BodyParams(result.params.betas, orient, pose, result.params.transl)
    content = glb_bytes(scene_of(replace(result, params=params), body, SIZE, fps=FPS))
    glb = Glb(content)
    (animation,) = glb.json["animations"]
    turn = next(
        animation["samplers"][c["sampler"]]
        for c in animation["channels"]
        if c["target"]["path"] == "rotation"
    )
    first, second = glb.array(turn["output"])
    assert first @ second > 0.99


def test_the_same_scene_gives_the_same_bytes(body: BodyModel) -> None:
    scene = scene_of(walkers({0: [0, 1]}), body, SIZE, fps=FPS)
    assert glb_bytes(scene) == glb_bytes(scene)
