// The gallery of a run. RUN is what page.py knows; every name in it is text and is shown as text.
"use strict";
(function () {
  const $ = (id) => document.getElementById(id);

  function element(tag, text, className) {
    const made = document.createElement(tag);
    if (text !== undefined) made.textContent = text;
    if (className) made.className = className;
    return made;
  }

  function millimetres(people) {
    const known = people.map((p) => p.expected_error_mm).filter((e) => e !== null);
    if (!known.length) return "";
    const [low, high] = [Math.min(...known), Math.max(...known)].map(Math.round);
    return low === high ? `expected error ${low} mm` : `expected error ${low} to ${high} mm`;
  }

  function largestError(entry) {
    return Math.max(-1, ...entry.people.map((p) => p.expected_error_mm || 0));
  }

  function thumbnail(entry) {
    if (!entry.picture) return element("div", "", "blank");
    const moving = /\.mp4$/i.test(entry.picture) || entry.picture.startsWith("data:video");
    const shown = element(moving ? "video" : "img");
    if (moving) {
      Object.assign(shown, { muted: true, loop: true, playsInline: true, preload: "metadata" });
      shown.addEventListener("mouseenter", () => shown.play().catch(() => {}));
      shown.addEventListener("mouseleave", () => shown.pause());
    } else {
      Object.assign(shown, { loading: "lazy", decoding: "async", alt: "" });
    }
    shown.src = entry.picture.startsWith("data:") ? entry.picture : address(entry.picture);
    return shown;
  }

  function address(path) {
    return path.split("/").map(encodeURIComponent).join("/");
  }

  function card(entry) {
    const item = element("li"), button = element("button", undefined, "card");
    const count = entry.people.length;
    const text = element("div", undefined, "text");
    text.append(
      element("b", entry.name),
      element("small", [`${count} ${count === 1 ? "person" : "people"}`, millimetres(entry.people)].filter(Boolean).join(", ")),
    );
    button.append(thumbnail(entry), text);
    button.addEventListener("click", () => { location.hash = `view=${encodeURIComponent(entry.name)}`; });
    item.append(button);
    return item;
  }

  function fill() {
    const wanted = $("search").value.trim().toLowerCase(), order = $("order").value;
    const shown = RUN.inputs.filter((entry) => entry.name.toLowerCase().includes(wanted));
    if (order === "name") shown.sort((a, b) => a.name.localeCompare(b.name, undefined, { numeric: true }));
    if (order === "error") shown.sort((a, b) => largestError(b) - largestError(a));
    $("gallery").replaceChildren(...shown.map(card));
  }

  function script(source) {
    return new Promise((resolve, reject) => {
      const made = element("script");
      made.src = source;
      made.onload = resolve;
      made.onerror = () => reject(new Error(`cannot load ${decodeURIComponent(source)}`));
      document.head.append(made);
    });
  }

  const loaded = new Map();
  function once(source) {
    if (!loaded.has(source)) loaded.set(source, script(source));
    return loaded.get(source);
  }

  async function follow() {
    const shown = new URLSearchParams(location.hash.slice(1)), name = shown.get("view");
    const entry = RUN.inputs.find((one) => one.name === name);
    if (!entry) { if (window.VIEWER) VIEWER.close(); return; }
    $("view").showModal();
    $("name").textContent = shown.get("title") || entry.name;
    $("close").hidden = shown.has("title"); // another page shows the view, and has the way back
    $("note").textContent = "loading";
    try {
      if (!window.THREE) await once("page/three.js");
      if (!window.VIEWER) await once("page/viewer.js");
      if (!VIEWS[name]) await once(address(entry.view));
      $("note").textContent = "";
      VIEWER.open(entry, VIEWS[name]);
    } catch (error) {
      $("note").textContent = error.message;
    }
  }

  document.title = $("title").textContent = RUN.title;
  $("counts").textContent = RUN.counts;
  $("settings").textContent = RUN.settings;
  $("versions").append(...Object.entries(RUN.versions).map(([name, version]) => {
    const row = element("tr");
    row.append(element("td", name), element("td", version));
    return row;
  }));
  $("skipped").hidden = !RUN.skipped.length;
  $("skipped").querySelector("ul").append(...RUN.skipped.map((reason) => element("li", reason)));
  $("search").addEventListener("input", fill);
  $("order").addEventListener("change", fill);
  window.addEventListener("hashchange", follow);
  window.VIEWS = window.VIEWS || {};
  fill();
  follow();
})();
