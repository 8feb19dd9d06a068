// What a job looks like while it runs and when it is done.
export const find = (id) => document.getElementById(id);

const STAGES = {
  detect: "Find people", remap: "Match the joints", fit: "Fit bodies", sequence: "Join the frames",
  render: "Draw pictures", glb: "Build the 3-D view", backdrop: "Prepare the photos",
};
const OPTIONAL = ["sequence"]; // shown only where they happen

export class RefusedError extends Error {} // the server said no, and why

export async function ask(path, options) {
  const answer = await fetch(path, options);
  if (answer.status === 204) return null;
  const content = await answer.json().catch(() => ({}));
  if (!answer.ok) throw new RefusedError(content.error || `The server answered ${answer.status}.`);
  return content;
}

export function element(tag, text, className) {
  const made = document.createElement(tag);
  if (text !== undefined) made.textContent = text;
  if (className) made.className = className;
  return made;
}

function count(number, one, many) { return `${number} ${number === 1 ? one : many}`; }

// While it runs

export function showWork(told) {
  const waits = told.state === "waiting";
  const names = told.inputs.map((input) => input.name).join(", ");
  const text = waits ? `In the queue, ${count(told.before, "job", "jobs")} before this one` : `Working on ${names}`;
  if (find("status").textContent !== text) find("status").textContent = text;
  find("stages").replaceChildren(...(waits ? [] : rows(told.progress)));
}

function rows(progress) {
  const begun = progress.map((step) => step.stage), last = progress[progress.length - 1];
  const known = Object.keys(STAGES).filter((name) => !OPTIONAL.includes(name) || begun.includes(name));
  const names = [...known, ...begun.filter((name) => !(name in STAGES))];
  const place = last ? names.indexOf(last.stage) : -1;
  const list = names.map((name, index) => {
    const step = progress.find((one) => one.stage === name);
    const over = index < place || Boolean(step && step.total !== null && step.done >= step.total && index !== place);
    return stage(STAGES[name] || `Write ${name}`, index === place ? "now" : over ? "done" : "", step);
  });
  if (!last) list.unshift(stage("Start", "now", null));
  return list;
}

function stage(title, state, step) {
  const item = element("li", undefined, state), bar = element("progress");
  if (state === "done") { bar.max = bar.value = 1; }
  else if (state !== "now") { bar.value = 0; }
  else if (step && step.total) { bar.max = step.total; if (step.done) bar.value = step.done; }
  bar.setAttribute("aria-label", title);
  const mark = element("span", { done: "\u2713", now: "\u25b8" }[state] || "");
  const total = step && step.total ? `${step.done} of ${step.total}` : "";
  item.append(mark, element("span", title), bar, element("span", state === "now" ? total : "", "count"));
  return item;
}

// When it is done

export function showResult(job, told) {
  const fitted = told.inputs.filter((input) => input.status === "fitted");
  const people = fitted.reduce((sum, input) => sum + input.people.length, 0);
  find("found").textContent = fitted.length
    ? `${count(people, "person", "people")} in ${count(fitted.length, "file", "files")}`
    : "Nobody was fitted";
  find("zip").href = `jobs/${job}/results.zip`;
  find("zip").hidden = find("viewer").hidden = find("full").hidden = find("hint").hidden = !fitted.length;
  find("inputs").replaceChildren(...told.inputs.map((input) => card(job, input)));
  if (fitted.length) look(job, fitted[0]);
  find("found").focus();
}

function look(job, input) {
  const hash = new URLSearchParams({ view: input.view, title: input.name });
  const page = `jobs/${job}/out/index.html`;
  const frame = find("viewer");
  if (!frame.getAttribute("src")) frame.src = `${page}#${hash}`;
  else frame.contentWindow.location.hash = hash;
  for (const item of find("inputs").children) item.classList.toggle("shown", item.dataset.number === String(input.number));
}

function card(job, input) {
  const item = element("li"), text = element("div", undefined, "text"), links = element("div", undefined, "links");
  item.dataset.number = input.number;
  if (input.picture) item.append(thumbnail(`jobs/${job}/out/${address(input.picture)}`));
  text.append(element("b", input.name));
  if (input.status === "fitted") text.append(element("small", said(input)));
  else text.append(element("small", input.reason || "It was not fitted.", "error"));
  if (input.view && input.status === "fitted") {
    const button = element("button", "3-D view");
    button.addEventListener("click", () => { look(job, input); find("viewer").scrollIntoView({ block: "nearest" }); });
    links.append(button);
  }
  for (const { key, title } of input.links || []) links.append(download(job, key, title));
  for (const [title, number] of Object.entries(input.more || {})) links.append(element("small", `${number} ${title} files are in "Download everything".`));
  if (input.report) links.append(download(job, input.report, "report"));
  text.append(links);
  item.append(text);
  return item;
}

function download(job, key, title) {
  const link = element("a", `\u2193 ${title}`, "button");
  link.href = `jobs/${job}/out/${address(key)}?save`;
  link.download = "";
  return link;
}

function said(input) {
  const errors = input.people.map((p) => p.expected_error_mm).filter((error) => error !== null);
  const error = errors.length ? `expected error ${[...new Set([Math.min(...errors), Math.max(...errors)].map(Math.round))].join(" to ")} mm` : "";
  return [count(input.people.length, "person", "people"), error].filter(Boolean).join(", ");
}

function address(path) { return path.split("/").map(encodeURIComponent).join("/"); }

function thumbnail(source) {
  const moving = source.endsWith(".mp4"), shown = element(moving ? "video" : "img");
  if (moving) Object.assign(shown, { muted: true, loop: true, autoplay: true, playsInline: true });
  else shown.alt = "";
  shown.src = source;
  return shown;
}
