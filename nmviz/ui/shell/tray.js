// The tray: what is pinned, which two are compared, what is shown of them. It stands in the address
// alone; the server says what there is of it, and draws.
window.nmvizTray = (() => {
  "use strict";
  const MOST = 6;
  const LOOKED = ["masks", "inputs"];
  const state = { names: [], a: 0, b: 1, part: "", at: "" };
  let read = false; // whether the address was read
  let asked = null; // what the server was asked last
  let taken = null; // of which answer the state is
  let focused = ""; // what had the keyboard when it was asked

  const body = () => document.getElementById("tray-body");
  const panel = () => document.getElementById("tray");

  function query() {
    if (!state.names.length) return "";
    const told = [["tray", state.names.join(".")]];
    if (state.names.length > 1 && (state.a !== 0 || state.b !== 1)) told.push(["tray_pair", `${state.a + 1}-${state.b + 1}`]);
    if (state.part) told.push(["tray_part", state.part]);
    if (state.at) told.push(["tray_at", state.at]);
    return new URLSearchParams(told).toString();
  }

  function take(text) {
    const told = new URLSearchParams(text);
    const [a, b] = (told.get("tray_pair") || "1-2").split("-").map((one) => Number(one) - 1);
    Object.assign(state, {
      names: (told.get("tray") || "").split(".").filter(Boolean), a, b,
      part: told.get("tray_part") || "", at: told.get("tray_at") || "",
    });
  }

  // What of a link the tray has is read as it stands: the server says what is wrong in it.
  function start() {
    read = true;
    const own = [...new URLSearchParams(location.search)].filter(([name]) => name.startsWith("tray"));
    if (own.length) ask(new URLSearchParams(own).toString());
  }

  // Somebody listens once the page has come to rest.
  function tell(event, place) {
    const root = document.getElementById("tray-ask");
    if (!root.querySelector("[data-ready]")) { setTimeout(() => tell(event, place), 200); return; }
    for (const one of root.querySelectorAll("[data-ready]")) one.dispatchEvent(new CustomEvent("pick", { detail: { event, place } }));
  }

  function ask(text) {
    if (panel().contains(document.activeElement)) focused = document.activeElement.dataset.at || "";
    asked = text;
    window.nmviz.asking("tray");
    tell("select", text);
    if (LOOKED.includes(new URLSearchParams(text).get("tray_part"))) tell("input", text);
  }

  function move(changes) {
    Object.assign(state, changes);
    const text = query();
    window.nmviz.address(text, "tray");
    ask(text);
    look();
  }

  // Two of what is there, whatever was taken out
  function settled(names, a, b) {
    const one = names.indexOf(a), other = names.indexOf(b);
    if (one >= 0 && other >= 0) return { names, a: one, b: other };
    const first = one >= 0 ? one : other >= 0 ? other : 0;
    return { names, a: first, b: names.length > 1 ? (first ? 0 : 1) : 1 };
  }

  const two = () => [state.names[state.a], state.names[state.b]];

  function toggle(pressed) {
    const wanted = pressed.dataset.pin.split(" ");
    const all = wanted.every((name) => state.names.includes(name));
    if (all) { move(settled(state.names.filter((name) => !wanted.includes(name)), ...two())); return; }
    const names = [...new Set([...state.names, ...wanted])];
    if (names.length > MOST) { full(); return; }
    move(settled(names, ...two()));
  }

  function full() {
    const line = document.querySelector("#tray .tray-full") || document.createElement("p");
    line.className = "tray-full note";
    line.textContent = `The tray holds ${MOST}: take one out first.`;
    panel().prepend(line);
  }

  function open(part) {
    if (part) { move({ part }); return; }
    state.part = "";
    window.nmviz.address(query(), "tray");
    look();
  }

  function layer() {
    const chosen = (one) => panel().querySelector(`[data-layer="${one}"]`)?.value;
    const before = state.at.split("-").slice(2);
    const corner = ["row", "column"].map((one, place) => Math.max(0, Math.trunc(chosen(one) ?? before[place] ?? 0)) || 0);
    move({ at: [chosen("block"), chosen("projection"), ...(corner.some(Boolean) ? corner : [])].join("-") });
  }

  function side(menu) {
    const place = Number(menu.value), other = menu.dataset.side === "a" ? "b" : "a";
    move({ [menu.dataset.side]: place, ...(state[other] === place ? { [other]: state[menu.dataset.side] } : {}) });
  }

  function reference(place) {
    move({ b: place, ...(state.a === place ? { a: state.b } : {}) });
  }

  // The answer is taken over where nothing was asked since; an older one that came after it is
  // replaced by asking again.
  function answered() {
    const root = body();
    if (!root) return;
    if (root.dataset.asked !== asked && taken === asked && asked !== null) { taken = null; ask(asked); }
    if (root.dataset.asked !== asked || taken === asked) return;
    taken = asked;
    take(root.dataset.tray);
    window.nmviz.address(root.dataset.tray, "tray");
    document.querySelector("#tray .tray-full")?.remove();
    if (focused && !panel().contains(document.activeElement)) panel().querySelector(`[data-at="${focused}"]`)?.focus({ preventScroll: true });
    focused = "";
    // A plot that came while its place was hidden had no width to be drawn in.
    setTimeout(() => window.dispatchEvent(new Event("resize")), 50);
  }

  function set(one, name, value) {
    if (one && one.getAttribute(name) !== value) one.setAttribute(name, value);
  }

  function look() {
    if (!panel()) return;
    if (!read && !document.getElementById("first-paint")) start();
    answered();
    const classes = { filled: state.names.length > 0, open: Boolean(state.part && state.names.length) };
    for (const [name, on] of Object.entries(classes)) if (panel().classList.contains(name) !== on) panel().classList.toggle(name, on);
    set(panel(), "data-part", state.names.length > 1 ? state.part : "");
    for (const place of ["tray-looked", "tray-texts"]) {
      const shown = document.querySelector(`#${place} .looked`);
      set(document.getElementById(place), "data-of", shown?.dataset.asked === asked ? "now" : shown ? "before" : "none");
    }
    set(panel().querySelector(".tray-open"), "aria-expanded", String(Boolean(state.part)));
    const high = state.names.length ? "46px" : "0px";
    if (document.documentElement.style.getPropertyValue("--tray") !== high) document.documentElement.style.setProperty("--tray", high);
    for (const one of document.querySelectorAll(".pin")) {
      set(one, "aria-pressed", String(one.dataset.pin.split(" ").every((name) => state.names.includes(name))));
    }
  }

  // Which answer is wanted, as judge() of script.js asks: none else than the one to what was asked.
  function wanted() {
    const root = body();
    if (asked === null || !root) return {};
    const made = root.querySelector(".made");
    return { tray: root.dataset.asked === asked && made ? made.dataset.of : "" };
  }

  // A layer that was clicked in the figure of errors
  function at(point) {
    if (point.customdata) move({ at: point.customdata.join("-") });
  }

  // Links of the page that open it anew take the tray along.
  const along = (link) => (query() ? `${link}${link.includes("?") ? "&" : "?"}${query()}` : link);

  document.addEventListener("click", (event) => {
    const link = event.target.closest?.('a[href^="?"]:not(.to-step, .set-page)');
    if (link && !link.getAttribute("href").includes("tray=")) link.setAttribute("href", along(link.getAttribute("href")));
    const one = event.target.closest?.("button");
    if (!one) return;
    if (one.matches(".pin, .unpin")) toggle(one);
    else if (!panel()?.contains(one)) return;
    else if (one.matches(".tray-open")) open(state.part ? "" : "numbers");
    else if (one.matches(".tray-clear")) move({ names: [], a: 0, b: 1, part: "", at: "" });
    else if (one.matches(".tray-write")) tell("submit", asked);
    else if (one.matches(".tray-stop")) tell("stop", asked);
    else if (one.matches(".swap")) move({ a: state.b, b: state.a });
    else if (one.dataset.part) open(one.dataset.part);
    else if (one.matches(".reference")) reference(Number(one.dataset.place));
  });
  document.addEventListener("change", (event) => {
    const one = event.target;
    if (!panel()?.contains(one)) return;
    if (one.dataset.side) side(one);
    else if (one.dataset.layer) layer();
  });
  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape" && state.part && panel()?.contains(event.target)) {
      open("");
      panel().querySelector(".tray-open")?.focus();
    }
  });

  return { look, wanted, at, along };
})();
