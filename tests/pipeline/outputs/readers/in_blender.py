"""Run by the Python of an environment with `bpy`: opens an export and says where its joints are.

    in_blender.py FILE FPS FRAMES [PICTURE WIDTH HEIGHT]    ->  JSON in the last line

Blender's z is up: places come back as (x, z, -y), so that y is up again.
"""

import json
import sys

import bpy

path, fps, frames = sys.argv[1], float(sys.argv[2]), json.loads(sys.argv[3])
bpy.ops.wm.read_factory_settings(use_empty=True)
scene = bpy.context.scene
scene.render.fps = int(fps)  # what the importers go by: before the import, and a whole number
first = 0
if path.endswith(".bvh"):
    first = 1
    bpy.ops.import_anim.bvh(filepath=path, global_scale=0.01, frame_start=first)
else:
    bpy.ops.import_scene.gltf(filepath=path)
found = {"joints": {}}
for frame in frames:
    scene.frame_set(frame + first)
    for rig in (o for o in bpy.data.objects if o.type == "ARMATURE"):
        joints = found["joints"].setdefault(rig.name, [])
        heads = {bone.name: rig.matrix_world @ bone.head for bone in rig.pose.bones}
        joints.append({name: [p.x, p.z, -p.y] for name, p in heads.items()})
if len(sys.argv) > 4:
    (camera,) = (o for o in bpy.data.objects if o.type == "CAMERA")
    scene.frame_set(frames[0])
    scene.camera, scene.render.engine = camera, "CYCLES"
    scene.render.film_transparent, scene.cycles.samples = True, 8
    scene.render.resolution_x, scene.render.resolution_y = map(int, sys.argv[5:7])
    scene.render.filepath = sys.argv[4]
    bpy.ops.render.render(write_still=True)
sys.stdout.write(json.dumps(found))
