"""Run by a Python that has bpy: renders a GLB from its camera and from the side, a BVH as bones.

blender_views.py GLB BVH FOLDER WIDTH HEIGHT
"""

import sys
from math import radians

import bpy
from mathutils import Matrix, Vector

glb, bvh, folder, width, height = *sys.argv[1:4], *map(int, sys.argv[4:6])
SAMPLES = 48


def material(name: str, color: tuple[float, float, float]) -> "bpy.types.Material":
    made = bpy.data.materials.new(name)
    made.use_nodes = True
    shader = made.node_tree.nodes["Principled BSDF"]
    shader.inputs["Base Color"].default_value = (*color, 1)
    shader.inputs["Roughness"].default_value = 0.8
    return made


def light() -> None:
    sun = bpy.data.objects.new("sun", bpy.data.lights.new("sun", "SUN"))
    sun.data.energy, sun.data.angle = 2.4, radians(8)
    sun.rotation_euler = (radians(48), radians(10), radians(-35))
    world = bpy.data.worlds.new("sky")
    world.use_nodes = True
    world.node_tree.nodes["Background"].inputs["Color"].default_value = (0.85, 0.9, 1, 1)
    world.node_tree.nodes["Background"].inputs["Strength"].default_value = 0.45
    bpy.context.scene.world = world
    bpy.context.collection.objects.link(sun)


def floor(z: float, middle: Vector) -> None:
    bpy.ops.mesh.primitive_plane_add(size=40, location=(middle.x, middle.y, z))
    bpy.context.object.data.materials.append(material("floor", (0.5, 0.5, 0.48)))


def shoot(name: str, camera: "bpy.types.Object", *, transparent: bool) -> None:
    scene = bpy.context.scene
    scene.camera, scene.render.engine = camera, "CYCLES"
    scene.cycles.samples, scene.cycles.use_denoising = SAMPLES, False
    scene.render.film_transparent = transparent
    scene.view_settings.view_transform = "Standard"
    scene.render.resolution_x, scene.render.resolution_y = width, height
    scene.render.filepath = f"{folder}/{name}.png"
    bpy.ops.render.render(write_still=True)


def bounds(objects: list) -> tuple[Vector, Vector]:
    graph = bpy.context.evaluated_depsgraph_get()
    points = []
    for item in objects:
        mesh = item.evaluated_get(graph)
        points += [mesh.matrix_world @ v.co for v in mesh.to_mesh().vertices]
    axes = list(zip(*points, strict=True))
    return Vector(map(min, axes)), Vector(map(max, axes))


def from_aside(low: Vector, high: Vector, turn: float, back: float = 1.55) -> "bpy.types.Object":
    """A camera around the people, looking at their middle from a little above."""
    middle, reach = (low + high) / 2, (high - low).length
    camera = bpy.data.objects.new("aside", bpy.data.cameras.new("aside"))
    bpy.context.collection.objects.link(camera)
    way = Matrix.Rotation(radians(turn), 3, "Z") @ Vector((0, -1, 0.28))
    camera.location = middle + back * reach * way
    camera.rotation_euler = (middle - camera.location).to_track_quat("-Z", "Y").to_euler()
    return camera


bpy.ops.wm.read_factory_settings(use_empty=True)
light()
bpy.ops.import_scene.gltf(filepath=glb)
bodies = [item for item in bpy.data.objects if item.name.endswith("_body")]
shoot("fitted", bpy.data.objects["camera"], transparent=True)
low, high = bounds(bodies)
floor(low.z, (low + high) / 2)
shoot("aside", from_aside(low, high, 55), transparent=False)

bpy.ops.wm.read_factory_settings(use_empty=True)
light()
bpy.ops.import_anim.bvh(filepath=bvh, global_scale=0.01)
(rig,) = (item for item in bpy.data.objects if item.type == "ARMATURE")
bpy.context.scene.frame_set(1)
bone_material = material("bone", (0.9, 0.5, 0.15))
sticks = []
for bone in rig.pose.bones:
    start, end = rig.matrix_world @ bone.head, rig.matrix_world @ bone.tail
    length = (end - start).length
    bpy.ops.mesh.primitive_cone_add(
        radius1=0.16 * length, radius2=0.03 * length, depth=length, location=(start + end) / 2
    )
    stick = bpy.context.object
    stick.rotation_euler = (end - start).to_track_quat("Z", "Y").to_euler()
    stick.data.materials.append(bone_material)
    sticks.append(stick)
low, high = bounds(sticks)
floor(low.z, (low + high) / 2)
shoot("bones", from_aside(low, high, 25, 1.9), transparent=False)
