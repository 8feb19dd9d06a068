// Run by node beside the package three: node in_three.mjs FILE SECONDS  ->  JSON of the joints.
import { readFileSync } from 'fs';
globalThis.self = globalThis;
globalThis.navigator ??= { userAgent: 'node' };
const THREE = await import('three');
const { GLTFLoader } = await import('three/examples/jsm/loaders/GLTFLoader.js');
const data = readFileSync(process.argv[2]);
const buffer = data.buffer.slice(data.byteOffset, data.byteOffset + data.length);
const gltf = await new Promise((done, failed) => new GLTFLoader().parse(buffer, '', done, failed));
const mixer = new THREE.AnimationMixer(gltf.scene);
gltf.animations.forEach((clip) => mixer.clipAction(clip).play());
const bodies = [];
gltf.scene.traverse((node) => node.isSkinnedMesh && bodies.push(node));
const place = (bone) => new THREE.Vector3().setFromMatrixPosition(bone.matrixWorld).toArray();
const frames = JSON.parse(process.argv[3]).map((time) => {
  mixer.setTime(time);
  gltf.scene.updateMatrixWorld(true);
  return bodies.map((body) => body.skeleton.bones.map(place));
});
const { fov, aspect } = gltf.cameras[0];
console.log(JSON.stringify({ fov, aspect, frames }));
