"""Run by the Python of an environment with these packages: reads an export, JSON to stdout.

in_python.py pygltflib|pybvh|smplcodec FILE
"""

import json
import sys

import numpy as np

package, path = sys.argv[1:]
if package == "pygltflib":
    from pygltflib import GLTF2

    gltf = GLTF2().load(path)
    skins = [[gltf.nodes[joint].name for joint in skin.joints] for skin in gltf.skins]
    tracks = [node.extras["track"] for node in gltf.nodes if "track" in (node.extras or {})]
    found = {"skins": skins, "tracks": tracks, "animations": len(gltf.animations)}
elif package == "pybvh":
    import pybvh

    bvh = pybvh.read_bvh_file(path, world_up="+y")
    found = {
        "names": bvh.joint_names,
        "places": np.asarray(bvh.joint_positions()).tolist(),
        "frame_time": bvh.frame_time,
    }
else:
    from smplcodec import SMPLCodec

    codec = SMPLCodec.from_file(path)
    found = {
        "version": codec.smpl_version.name,
        "gender": codec.gender.name,
        "rate": codec.frame_rate,
        "pose": codec.full_pose.tolist(),
        "transl": codec.body_translation.tolist(),
        "betas": codec.shape_parameters.tolist(),
    }
sys.stdout.write(json.dumps(found))
