// The page to start from: files in, a job that runs, its result. Every name is text and is shown as text.
import { ask, element, find as $, RefusedError } from "./states.js";
import { showResult, showWork } from "./states.js";

const POLL = 500, REMEMBER = 60000; // ms
const FORMATS = {
  glb: "GLB (Blender, Unity)", obj: "OBJ", ply: "PLY", amass: "AMASS", bvh: "BVH (motion)", smpl: "SMPL",
};
const limits = ask("limits"); // a promise: the page takes files before the server has answered
let job = null, busy = 0, timer = 0;

function show(name) {
  for (const section of document.querySelectorAll("main > section")) section.hidden = section.id !== name;
}

function megabytes(size) {
  return size < 1e6 ? `${Math.max(1, Math.round(size / 1e3))} kB` : `${(size / 1e6).toFixed(1)} MB`;
}

// Files

function row(file) {
  const item = element("li"), text = element("div", undefined, "text"), note = element("small", "looking at it ...");
  const picture = element("img"), remove = element("button", "Remove");
  picture.alt = "";
  if (file.type.startsWith("image/")) {
    picture.src = URL.createObjectURL(file);
    picture.addEventListener("load", () => URL.revokeObjectURL(picture.src));
    picture.addEventListener("error", () => picture.removeAttribute("src"));
  }
  text.append(element("b", file.name), note);
  remove.type = "button";
  remove.setAttribute("aria-label", `Remove ${file.name}`);
  item.append(picture, text, remove);
  $("files").append(item);
  return { item, note, remove };
}

function refresh() {
  $("go").disabled = busy > 0 || !document.querySelector("#files li.ready");
  $("drop").classList.toggle("small", $("files").children.length > 0);
}

let opening = null;
function openJob() {
  opening = opening || ask("jobs", { method: "POST" }).then((answer) => { job = answer.id; }, (error) => { opening = null; throw error; });
  return opening;
}

async function add(file) {
  const { item, note, remove } = row(file);
  let number = null;
  remove.addEventListener("click", () => {
    if (number !== null) ask(`jobs/${job}/files/${number}`, { method: "DELETE" }).catch(() => {});
    const next = item.nextElementSibling || item.previousElementSibling;
    item.remove();
    (next ? next.querySelector("button") : $("picker")).focus();
    refresh();
  });
  busy += 1;
  refresh();
  try {
    const { max_file_mb: most } = await limits;
    if (file.size > most * 1e6) throw new RefusedError(`Too large: at most ${most} MB a file.`);
    await openJob();
    const stored = await ask(`jobs/${job}/files?name=${encodeURIComponent(file.name)}`, { method: "PUT", body: file });
    number = stored.number;
    note.textContent = megabytes(stored.size);
    if (item.isConnected) item.classList.add("ready");
    else ask(`jobs/${job}/files/${number}`, { method: "DELETE" }).catch(() => {}); // removed meanwhile
  } catch (error) {
    note.textContent = error.message;
    note.className = "error";
  } finally {
    busy -= 1;
    refresh();
  }
}

let queue = Promise.resolve();
function addAll(files) {
  $("trouble").textContent = "";
  for (const file of files) queue = queue.then(() => add(file)); // one after the other
}

async function folderless(items) {
  const entries = [...items].map((item) => [item.webkitGetAsEntry && item.webkitGetAsEntry(), item.getAsFile()]);
  if (entries.some(([entry]) => entry && entry.isDirectory)) $("trouble").textContent = "A folder cannot be dropped here: choose the files in it.";
  addAll(entries.filter(([entry, file]) => file && !(entry && entry.isDirectory)).map(([, file]) => file));
}

function isOver(over) { $("drop").classList.toggle("over", over); }

function listenForFiles() {
  $("picker").addEventListener("change", () => { addAll([...$("picker").files]); $("picker").value = ""; });
  const starting = () => !$("start").hidden;
  for (const name of ["dragenter", "dragover"]) window.addEventListener(name, (e) => { e.preventDefault(); isOver(starting()); });
  for (const name of ["dragleave", "drop"]) window.addEventListener(name, (e) => { e.preventDefault(); isOver(false); });
  window.addEventListener("drop", (e) => { if (starting()) folderless(e.dataTransfer.items); });
  window.addEventListener("paste", (e) => { if (starting()) addAll([...e.clipboardData.files]); });
}

// The job

function choices() {
  const formats = [...document.querySelectorAll("#formats input:checked")].map((box) => box.value);
  return { people: $("people").value, focal_length: $("focal").value.trim(), formats };
}

async function start(event) {
  event.preventDefault();
  $("trouble").textContent = "";
  $("go").disabled = true;
  try {
    const body = JSON.stringify(choices());
    tell(await ask(`jobs/${job}/start`, { method: "POST", body, headers: { "Content-Type": "application/json" } }));
    location.hash = `job=${job}`;
    $("status").focus();
  } catch (error) {
    $("trouble").textContent = error.message;
    refresh();
  }
}

function failed(what, why) {
  $("what").textContent = what;
  $("why").textContent = why;
  show("failed");
  $("what").focus();
}

function tell(told) {
  clearTimeout(timer);
  if (told.state === "waiting" || told.state === "running") {
    show("work");
    showWork(told);
    timer = setTimeout(poll, POLL);
  } else if (told.state === "done") {
    if ($("result").hidden) { show("result"); showResult(job, told); }
    timer = setTimeout(poll, REMEMBER); // the server keeps what somebody looks at
  } else if (told.state === "failed") {
    failed("The run failed", told.message);
  } else if (told.state === "cancelled") {
    failed("Cancelled", "");
  } else {
    again();
  }
}

async function poll() {
  try {
    tell(await ask(`jobs/${job}`));
  } catch (error) {
    if (error instanceof RefusedError) failed("This job is gone", error.message);
    else { $("status").textContent = "The server does not answer. Is it still running?"; timer = setTimeout(poll, 3000); }
  }
}

async function cancel() {
  $("cancel").disabled = true;
  try { tell(await ask(`jobs/${job}/cancel`, { method: "POST" })); } catch (error) { $("status").textContent = error.message; }
  $("cancel").disabled = false;
}

function again() {
  if (job) ask(`jobs/${job}`, { method: "DELETE" }).catch(() => {});
  location.hash = "";
  location.reload();
}

function fullScreen() {
  $("viewer").requestFullscreen().then(() => $("viewer").focus(), () => {});
}

function showLimits({ max_files, max_file_mb, max_frames, keep_minutes, formats }) {
  $("limits").textContent = `Up to ${max_files} files, ${max_file_mb} MB each, clips of up to ${max_frames} frames. `
    + `Files and results are deleted ${keep_minutes} minutes after you leave.`;
  $("formats").append(...formats.map((name) => {
    const label = element("label"), box = element("input");
    Object.assign(box, { type: "checkbox", value: name, checked: name === "glb" });
    label.append(box, FORMATS[name] || name);
    return label;
  }));
}

function begin() {
  listenForFiles();
  $("choices").addEventListener("submit", start);
  $("cancel").addEventListener("click", cancel);
  $("full").addEventListener("click", fullScreen);
  for (const button of document.querySelectorAll(".again")) button.addEventListener("click", again);
  limits.then(showLimits, (error) => { $("trouble").textContent = error.message; });
  job = new URLSearchParams(location.hash.slice(1)).get("job");
  if (job) poll();
}

begin();
