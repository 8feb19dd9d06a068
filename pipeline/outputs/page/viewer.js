// The 3-D view of one input: the photo behind the bodies, seen by the fitted camera until it is turned.
"use strict";
window.VIEWER = (function () {
  const $ = (id) => document.getElementById(id);
  const NEAR = 0.05, FAR = 500; // m
  const FIELD = 40; // degrees, of the camera that turns freely
  const BAR = 64; // px that the controls take at the bottom
  let renderer, scene, camera, mixer, entry, view, lights, floor, skeletons, clock, playing, raf;
  let frame = 0, orbit = null, backdrop = null;
  const pointers = new Map();

  function setUp() {
    renderer = new THREE.WebGLRenderer({ antialias: true, alpha: true, preserveDrawingBuffer: true });
    renderer.outputEncoding = THREE.sRGBEncoding;
    renderer.setPixelRatio(Math.min(window.devicePixelRatio, 2));
    $("stage").append(renderer.domElement);
    window.addEventListener("resize", draw);
    window.addEventListener("keydown", onKey);
    const stage = $("stage");
    stage.addEventListener("pointerdown", onDown);
    stage.addEventListener("pointermove", onMove);
    for (const name of ["pointerup", "pointercancel"]) stage.addEventListener(name, (e) => pointers.delete(e.pointerId));
    stage.addEventListener("wheel", (e) => { e.preventDefault(); leavePhoto(); orbit.distance *= Math.exp(e.deltaY * 0.001); draw(); }, { passive: false });
    stage.addEventListener("contextmenu", (e) => e.preventDefault());
    $("close").addEventListener("click", () => { location.hash = ""; });
    $("view").addEventListener("cancel", (e) => { e.preventDefault(); if (!$("close").hidden) location.hash = ""; });
    $("play").addEventListener("click", () => play(!playing));
    $("scrub").addEventListener("input", () => { play(false); show(Number($("scrub").value)); });
    $("opacity").addEventListener("input", dress);
    for (const id of ["body", "skeleton"]) $(id).addEventListener("click", () => toggle(id));
    $("photo").addEventListener("click", () => { orbit ? enterPhoto() : leavePhoto(); draw(); });
  }

  function bytes(base64) {
    return Uint8Array.from(atob(base64), (c) => c.charCodeAt(0)).buffer;
  }

  function open(what, data) {
    if (!renderer) setUp();
    close();
    $("view").open || $("view").showModal();
    entry = what; view = data;
    new THREE.GLTFLoader().parse(bytes(data.glb), "", enter, (e) => { $("note").textContent = String(e); });
  }

  function enter(gltf) {
    scene = new THREE.Scene();
    scene.add(gltf.scene);
    lights = new THREE.Group();
    const sun = new THREE.DirectionalLight(0xffffff, 0.75);
    sun.position.set(-0.5, 0.7, 0.8);
    lights.add(new THREE.HemisphereLight(0xffffff, 0x8a8378, 0.75), sun, sun.target);
    scene.add(lights);
    camera = gltf.cameras[0];
    mixer = gltf.animations.length ? new THREE.AnimationMixer(gltf.scene) : null;
    if (mixer) mixer.clipAction(gltf.animations[0]).play();
    view.people.forEach((person) => find(person, gltf.scene));
    setBackdrop();
    setControls();
    enterPhoto();
    dress();
    show(0);
  }

  function find(person, root) {
    person.node = root.getObjectByName(`person${person.track}`);
    person.mesh = root.getObjectByName(`person${person.track}_body`);
    person.mesh.frustumCulled = false; // its bounds are those of the rest pose
    person.color = person.mesh.material.color.clone();
    person.skeleton = bones(person);
    person.skeleton.visible = false;
    person.shown = true;
    scene.add(person.skeleton);
  }

  function bones(person) {
    const lines = new THREE.BufferGeometry(), list = person.mesh.skeleton.bones;
    const pairs = list.filter((b) => list.includes(b.parent));
    lines.setAttribute("position", new THREE.BufferAttribute(new Float32Array(6 * pairs.length), 3));
    const color = person.color.clone().multiplyScalar(0.55);
    const drawn = new THREE.LineSegments(lines, new THREE.LineBasicMaterial({ color, depthTest: false }));
    const joints = new THREE.Points(lines, new THREE.PointsMaterial({ color, size: 6, sizeAttenuation: false, depthTest: false }));
    const group = new THREE.Group();
    group.add(drawn, joints);
    group.pairs = pairs;
    group.lines = lines;
    group.traverse((o) => { o.frustumCulled = false; o.renderOrder = 2; });
    return group;
  }

  function setBackdrop() {
    backdrop = document.createElement(view.backdrop.startsWith("data:video") ? "video" : "img");
    if (backdrop.tagName === "VIDEO") Object.assign(backdrop, { muted: true, playsInline: true, preload: "auto" });
    backdrop.src = view.backdrop;
    backdrop.addEventListener("loadeddata", () => { seek(); });
    $("backdrop").replaceChildren(backdrop);
  }

  function setControls() {
    const moving = view.n_frames > 1;
    for (const id of ["play", "scrub", "frame"]) $(id).hidden = !moving;
    $("scrub").max = view.n_frames - 1;
    $("people").replaceChildren(...view.people.map((person, place) => {
      const label = document.createElement("label"), box = document.createElement("input");
      const dot = document.createElement("i"), name = document.createElement("span"), error = document.createElement("small");
      Object.assign(box, { type: "checkbox", checked: true, title: place < 9 ? `Key ${place + 1}` : "" });
      box.addEventListener("change", () => { person.shown = box.checked; dress(); });
      person.box = box;
      dot.style.background = `#${person.color.clone().convertLinearToSRGB().getHexString()}`;
      name.textContent = `person ${person.track}`;
      error.textContent = person.expected_error_mm === null ? "" : `${Math.round(person.expected_error_mm)} mm expected error`;
      label.append(box, dot, name, error);
      return label;
    }));
  }

  function toggle(id) {
    $(id).setAttribute("aria-pressed", $(id).getAttribute("aria-pressed") !== "true");
    dress();
  }

  function pressed(id) { return $(id).getAttribute("aria-pressed") === "true"; }

  function dress() {
    if (!scene) return;
    const opacity = Number($("opacity").value);
    for (const person of view.people) {
      person.mesh.visible = person.shown && pressed("body");
      person.skeleton.visible = person.shown && pressed("skeleton");
      Object.assign(person.mesh.material, { transparent: opacity < 1, opacity });
    }
    draw();
  }

  // Frames

  function show(number) {
    frame = Math.max(0, Math.min(view.n_frames - 1, number));
    if (mixer) mixer.setTime(Math.min((frame + 0.001) / view.fps, mixer._actions[0].getClip().duration));
    $("scrub").value = frame;
    $("frame").value = `${frame + 1} / ${view.n_frames}`;
    seek();
    draw();
  }

  function seek() {
    if (backdrop && backdrop.tagName === "VIDEO") backdrop.currentTime = (frame + 0.5) / view.fps;
  }

  function play(on) {
    playing = on;
    $("play").textContent = on ? "Pause" : "Play";
    cancelAnimationFrame(raf);
    if (!on) return;
    clock = performance.now() - ((frame + 1) % view.n_frames) * 1000 / view.fps;
    const step = (now) => {
      const next = Math.floor((now - clock) / 1000 * view.fps) % view.n_frames;
      if (next !== frame) show(next);
      raf = requestAnimationFrame(step);
    };
    raf = requestAnimationFrame(step);
  }

  // Cameras

  function enterPhoto() {
    orbit = null;
    if (floor) scene.remove(floor);
    $("photo").setAttribute("aria-pressed", true);
  }

  function leavePhoto() {
    if (orbit) return;
    const { center: middle, radius } = sphereOfPeople(), eye = new THREE.Vector3().setFromMatrixPosition(camera.matrixWorld);
    const offset = eye.clone().sub(middle), far = offset.length() || 1;
    const across = Math.min(1, window.innerWidth / window.innerHeight), distance = radius / Math.sin(FIELD / 360 * Math.PI) / across;
    orbit = { target: middle, distance, yaw: Math.atan2(offset.x, offset.z), pitch: Math.asin(offset.y / far) };
    floor = new THREE.GridHelper(20, 40, 0x9aa0a8, 0xc4c8cd);
    floor.position.set(Math.round(middle.x * 2) / 2, lowest(), Math.round(middle.z * 2) / 2);
    scene.add(floor);
    $("photo").setAttribute("aria-pressed", false);
  }

  function points(use) {
    const at = new THREE.Vector3();
    for (const person of view.people) {
      if (person.shown && person.node.scale.x) for (const bone of person.mesh.skeleton.bones) use(bone.getWorldPosition(at));
    }
  }

  function sphereOfPeople() {
    const box = new THREE.Box3();
    points((p) => box.expandByPoint(p));
    if (box.isEmpty()) return new THREE.Sphere(new THREE.Vector3(0, 0, -3), 1.2);
    return box.expandByScalar(0.15).getBoundingSphere(new THREE.Sphere());
  }

  function lowest() {
    if (view.floor) return 0;
    let low = Infinity;
    points((p) => { low = Math.min(low, p.y); });
    return Number.isFinite(low) ? low - 0.05 : 0;
  }

  function lens(width, height) {
    const [w, h] = view.image_size, room = height - BAR, scale = Math.min(width / w, room / h);
    const box = { width: w * scale, height: h * scale, left: (width - w * scale) / 2, top: (room - h * scale) / 2 };
    const f = view.focal_length * scale, cx = box.left + (view.center[0] + 0.5) * scale, cy = box.top + (view.center[1] + 0.5) * scale;
    const projection = new THREE.Matrix4().makePerspective(
      -cx * NEAR / f, (width - cx) * NEAR / f, cy * NEAR / f, -(height - cy) * NEAR / f, NEAR, FAR);
    return { box, projection };
  }

  function draw() {
    if (!scene) return;
    const width = window.innerWidth, height = window.innerHeight, { box, projection } = lens(width, height);
    renderer.setSize(width, height);
    for (const [side, value] of Object.entries(box)) $("backdrop").style[side] = `${value}px`;
    $("backdrop").style.opacity = orbit ? 0 : 1;
    scene.updateMatrixWorld(true);
    view.people.forEach(moveBones);
    const eye = orbit ? around(width / height) : throughPhoto(projection);
    lights.position.setFromMatrixPosition(eye.matrixWorld);
    lights.quaternion.setFromRotationMatrix(eye.matrixWorld);
    renderer.render(scene, eye);
  }

  function throughPhoto(projection) {
    const eye = new THREE.PerspectiveCamera();
    eye.matrixAutoUpdate = false;
    eye.matrix.copy(camera.matrixWorld);
    eye.projectionMatrix.copy(projection);
    eye.projectionMatrixInverse.copy(projection).invert();
    eye.updateMatrixWorld(true);
    return eye;
  }

  function around(aspect) {
    const { target, distance, yaw, pitch } = orbit, eye = new THREE.PerspectiveCamera(FIELD, aspect, NEAR, FAR);
    eye.position.set(Math.sin(yaw) * Math.cos(pitch), Math.sin(pitch), Math.cos(yaw) * Math.cos(pitch)).multiplyScalar(distance).add(target);
    eye.lookAt(target);
    eye.updateMatrixWorld(true);
    return eye;
  }

  function moveBones(person) {
    if (!person.skeleton.visible) return;
    const place = person.skeleton.lines.attributes.position, at = new THREE.Vector3();
    person.skeleton.pairs.forEach((bone, i) => {
      bone.getWorldPosition(at); place.setXYZ(2 * i, at.x, at.y, at.z);
      bone.parent.getWorldPosition(at); place.setXYZ(2 * i + 1, at.x, at.y, at.z);
    });
    place.needsUpdate = true;
  }

  // Hands

  function onDown(e) {
    $("stage").setPointerCapture(e.pointerId);
    pointers.set(e.pointerId, { x: e.clientX, y: e.clientY });
  }

  function spread() {
    const [a, b] = [...pointers.values()];
    return Math.hypot(a.x - b.x, a.y - b.y);
  }

  function onMove(e) {
    const was = pointers.get(e.pointerId);
    if (!was || !scene) return;
    const dx = e.clientX - was.x, dy = e.clientY - was.y, before = pointers.size === 2 ? spread() : 0;
    pointers.set(e.pointerId, { x: e.clientX, y: e.clientY });
    leavePhoto();
    if (pointers.size === 2) {
      orbit.distance *= before / Math.max(spread(), 1);
      pan(dx / 2, dy / 2);
    } else if (e.buttons & 2 || e.shiftKey) {
      pan(dx, dy);
    } else {
      orbit.yaw -= dx * 0.008;
      orbit.pitch = Math.max(-1.5, Math.min(1.5, orbit.pitch + dy * 0.008));
    }
    draw();
  }

  function pan(dx, dy) {
    const eye = around(1), scale = orbit.distance / window.innerHeight;
    orbit.target.add(new THREE.Vector3(-dx * scale, dy * scale, 0).applyQuaternion(eye.quaternion));
  }

  function onKey(e) {
    if (!scene || e.ctrlKey || e.metaKey || e.altKey || e.target.type === "search") return;
    const acts = {
      " ": () => view.n_frames > 1 && play(!playing),
      ArrowRight: () => { play(false); show(frame + 1); },
      ArrowLeft: () => { play(false); show(frame - 1); },
      p: () => $("photo").click(), b: () => toggle("body"), s: () => toggle("skeleton"),
    };
    const act = acts[e.key] || acts[e.key.toLowerCase()], person = view.people[Number(e.key) - 1];
    if (person) { person.box.checked = person.shown = !person.shown; dress(); }
    if (act) { e.preventDefault(); act(); }
  }

  function close() {
    if (playing) play(false);
    if (scene) scene.traverse((o) => { if (o.geometry) o.geometry.dispose(); });
    scene = floor = orbit = null;
    if ($("view").open && !location.hash.includes("view=")) $("view").close();
  }

  return { open, close, state: () => ({ ready: Boolean(scene), frame, photo: !orbit, orbit }), show };
})();
