// What the server cannot do: the address bar, the theme, saving files, picking a point.
window.nmviz = (() => {
  "use strict";
  const THEME = "nmviz-theme";

  // Each part of the address is written by itself; what others have hung on it stays.
  const PARTS = {
    tasks: "questions", limit: "questions", chat: "questions", tab: "tab", lesson: "lesson", step: "lesson", choice: "lesson",
    faster: "faster", choose: "choose", tray: "tray", tray_pair: "tray", tray_part: "tray", tray_at: "tray",
    at: "at", hand: "hand", embed: "embed", panel: "embed",
  };
  const VERSION = "2";

  const ofView = () => (document.querySelector("header.top[data-view]")?.dataset.view || "").split(" ");

  // The part that a setting of the address is of: a control's is named after its tab
  function partOf(name) {
    if (name.startsWith("table.")) return name;
    if (name.includes(".")) return name.split(".")[0] + ".";
    return PARTS[name] || (ofView().includes(name) ? "view" : "");
  }

  // These mean nothing in a query, so they may stand there as they are.
  const readable = (query) => query.replaceAll("%3A", ":").replaceAll("%2C", ",").replaceAll("%2F", "/").replaceAll("%7E", "~");

  function address(query, part) {
    const next = new URLSearchParams(query);
    for (const [name, value] of new URLSearchParams(location.search)) {
      if (name !== "v" && partOf(name) !== part) next.append(name, value);
    }
    const ours = [...next.keys()].some((name) => partOf(name));
    const text = readable((ours ? `v=${VERSION}&` : "") + next);
    const now = location.pathname + (text ? "?" + text : "");
    if (now !== location.pathname + location.search) history.replaceState(null, "", now);
  }

  const named = (tab) => tab.textContent.trim().toLowerCase();

  // Only a click tells Gradio that a tab is open.
  function openTab() {
    const told = new URLSearchParams(location.search);
    const asked = told.get("tab") || window.nmvizShare.tab(told.get("panel"));
    const tabs = [...document.querySelectorAll('button[role="tab"]')];
    tabs.find((tab) => named(tab) === asked)?.click();
    window.nmvizContents.open();
  }

  function nameTab(tab) {
    const first = document.querySelector('button[role="tab"]');
    address(named(tab) === named(first) ? "" : "tab=" + named(tab), "tab");
    setTimeout(window.nmvizContents.left, 50);
    window.nmvizLessons.tab(named(tab));
    // What was drawn while its tab was hidden had no width to be drawn in.
    setTimeout(() => window.dispatchEvent(new Event("resize")), 50);
  }

  function showTheme(dark) {
    document.body.classList.toggle("dark", dark);
    const button = document.getElementById("theme");
    if (!button) return;
    button.textContent = dark ? "Light" : "Dark"; // what a click does, so it is never "pressed"
  }

  function remembered() {
    try { return localStorage.getItem(THEME); } catch { return null; }
  }

  function startTheme() {
    const asked = new URLSearchParams(location.search).get("__theme") || remembered();
    const dark = asked ? asked === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
    showTheme(dark);
  }

  function toggleTheme() {
    const dark = !document.body.classList.contains("dark");
    showTheme(dark);
    const asked = new URLSearchParams(location.search);
    if (asked.has("__theme")) {
      asked.set("__theme", dark ? "dark" : "light"); // who asked for a theme in the link gets this one
      history.replaceState(null, "", location.pathname + "?" + asked);
    }
    try { localStorage.setItem(THEME, dark ? "dark" : "light"); } catch { /* stays for this visit */ }
  }

  let copied = 0;

  async function copyLink(button) {
    const words = (button.dataset.words ||= button.textContent);
    clearTimeout(copied);
    try {
      await navigator.clipboard.writeText(location.href);
      button.textContent = "Link copied";
    } catch {
      button.textContent = "Copy it from the address bar";
    }
    copied = setTimeout(() => { button.textContent = words; }, 2000);
  }

  function toggleDrawer(button) {
    const open = document.body.classList.toggle("drawer-open");
    button.setAttribute("aria-expanded", String(open));
    button.textContent = open ? "Close settings" : "Settings";
  }

  // On a small screen settings lie between the buttons and their answer: they go, and the buttons stand
  // at the top with the answer below them. The texts are far down: they come when they are asked for.
  function answerInSight(asked) {
    const drawer = document.getElementById("drawer");
    if (!drawer?.checkVisibility()) return;
    if (document.body.classList.contains("drawer-open")) toggleDrawer(drawer);
    document.querySelector(asked === "write" ? "#texts" : "#run-bar").scrollIntoView({ block: "start", behavior: "instant" });
  }

  // The element that listens lies somewhere inside the component: reach all of it.
  function pick(place) {
    const all = document.querySelectorAll("#pick, #pick *");
    for (const one of all) one.dispatchEvent(new CustomEvent("pick", { detail: place }));
  }

  // Plotly reports clicks on its own element only. A redraw may bring a new one, or start the old
  // one anew, without who listened: then it has a new `on` too.
  const heard = new WeakSet();

  function onPoint(place, act) {
    const plot = document.querySelector(place + " .js-plotly-plot");
    if (!plot?.on || heard.has(plot.on)) return;
    heard.add(plot.on);
    plot.on("plotly_click", ({ points: [point] }) => { if (point) act(point); });
  }

  function pickPoint(point) {
    pick(point.customdata ? point.customdata.join(",") : String(Math.round(point.x)));
  }

  // A point of the frontier opens its experiment in Explore, as its row in the table does; the query
  // of what the page opens with is empty, and what Explore does not show has none.
  function openPoint({ customdata: query }) {
    if (query != null) location.assign(window.nmvizTray.along("?" + query));
  }

  // What each panel was made for, beside what the settings ask of it now (freshness.py).
  const PANELS = {
    figures: "#figures", layer: "#layer", methods: "#methods-here", each: "#each", tasks: "#tasks",
    texts: "#texts", beforehand: "#beforehand", published: "#published-figure", tray: "#tray-shown",
    faster: "#tradeoffs-faster", frontier: "#tradeoffs-frontier", baselines: "#tradeoffs-baselines",
    together: "#tradeoffs-together", pattern: "#tradeoffs-pattern-of", claims: "#claims",
  };
  const OF_SETTINGS = ["figures", "layer", "methods", "each", "tasks", "texts", "beforehand"];
  const WAIT = 400; // milliseconds before an answer that has not come is worth a word
  const asked = {}; // by what was asked: when, or null once it is answered
  let answers = "";

  function asking(what) {
    asked[what] = Date.now();
    setTimeout(judge, WAIT + 50);
  }

  function answered(what, again) {
    asked[what] = null;
    judge();
    if (again) setTimeout(() => document.querySelector(again)?.click(), 2000 + 3000 * Math.random());
  }

  function wanted() {
    const merged = { panels: {}, wrong: {} };
    const all = [...document.querySelectorAll(".wanted")].map((one) => one.dataset.wanted);
    if (all.join() !== answers) { answers = all.join(); asked.settings = null; }
    for (const { panels, wrong } of all.map((one) => JSON.parse(one))) {
      Object.assign(merged.panels, panels);
      Object.assign(merged.wrong, wrong);
    }
    Object.assign(merged.panels, window.nmvizTray.wanted());
    return merged;
  }

  function late(what) { return Boolean(asked[what]) && Date.now() - asked[what] > WAIT; }

  function judge() {
    const { panels, wrong } = wanted();
    for (const [name, place] of Object.entries(PANELS)) {
      const root = document.querySelector(place);
      const made = root && root.querySelector(`.made[data-panel="${name}"]`);
      if (!root) continue;
      const working = late(name) || (OF_SETTINGS.includes(name) && late("settings"));
      const other = made && name in panels && panels[name] !== made.dataset.of;
      root.classList.toggle("of-other", Boolean(made && (other || working)));
      const words = made && (other || working) ? reason(made, panels[name], working) : "";
      say(root, "freshness", words, "prepend");
    }
    mark(wrong);
  }

  function reason(made, want, working) {
    const of = `This is of ${made.dataset.words}. `;
    if (working) return of + "What the settings ask for now is being worked out.";
    if (want === null) return of + "A setting that it needs is wrong: see where it is marked.";
    return of + "The settings now ask for something else.";
  }

  // A sentence of that class in a place; written only where it differs: the observer below watches
  // what is written.
  function say(place, kind, words, put = "append") {
    let line = place.querySelector(`:scope > .${kind}`);
    if (!line && !words) return;
    if (!line) {
      line = document.createElement("p");
      line.className = kind;
      place[put](line);
    }
    if (line.textContent !== words) line.textContent = words;
    if (line.hidden !== !words) line.hidden = !words;
  }

  function mark(wrong) {
    for (const field of document.querySelectorAll("[class*='field-']")) {
      const name = [...field.classList].find((one) => one.startsWith("field-"))?.slice(6).replaceAll("-", "_");
      const why = (name && wrong[name]) || "";
      if (field.classList.contains("wrong") !== Boolean(why)) field.classList.toggle("wrong");
      say(field, "wrong-why", why);
    }
  }

  // What a press of a button has answered out of sight comes into view, once.
  function intoView() {
    const mark = document.querySelector(".into-view:not([data-seen])");
    if (!mark) return;
    mark.dataset.seen = "yes";
    const calm = matchMedia("(prefers-reduced-motion: reduce)").matches;
    const place = mark.closest(".column") || mark.parentElement;
    place.scrollIntoView({ block: "start", behavior: calm ? "auto" : "smooth" });
  }

  // The server gives the text of a file; saving it is the browser's.
  function saveText(file) {
    const { name, type, text, base64, failed } = JSON.parse(file);
    if (failed) { alert(failed); return; }
    const link = document.createElement("a");
    link.href = URL.createObjectURL(new Blob([base64 ? Uint8Array.from(atob(base64), (one) => one.charCodeAt(0)) : text], { type }));
    link.download = name;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 1000);
  }

  document.addEventListener("click", (event) => {
    const button = event.target.closest("button");
    if (!button) return;
    if (button.getAttribute("role") === "tab") nameTab(button);
    else if (button.id === "theme") toggleTheme();
    else if (button.id === "copy-link") copyLink(button);
    else if (button.id === "drawer") toggleDrawer(button);
    else if (["run", "again", "write"].includes(button.id)) answerInSight(button.id);
    else if (button.classList.contains("pick")) pick(button.dataset.block);
  });

  // The settings end with the window, whether the header is in it or not.
  function measureAbove() {
    const shown = [...document.querySelectorAll("#explore, #published")].find((one) => one.offsetParent);
    if (!shown) return;
    const above = Math.max(0, Math.round(shown.getBoundingClientRect().top));
    document.documentElement.style.setProperty("--above", above + "px");
  }
  for (const event of ["scroll", "resize"]) addEventListener(event, measureAbove, { passive: true });

  // No connection is held open to say that the visitor is there: this says that they have left.
  addEventListener("pagehide", (event) => {
    const words = document.querySelector("#leaving [data-said]")?.dataset.said;
    if (!words || event.persisted) return; // who comes back to a page that was kept has not left
    const root = window.gradio_config?.root ?? location.origin;
    const body = new Blob([words], { type: "application/json" });
    navigator.sendBeacon(root + "/gradio_api/run/predict", body);
  });

  let waiting = false;
  // What the page came with goes once the app shows the same: until then the app is not seen.
  function takeOver() {
    const first = document.getElementById("first-paint");
    if (first && document.querySelector("#cards .card") && document.querySelector("#status p")) first.remove();
  }

  function settle() {
    waiting = false;
    takeOver();
    judge();
    for (const place of ["#depth-plot", "#each-plot", "#plan-plot"]) onPoint(place, pickPoint);
    onPoint("#tradeoffs-plot", openPoint);
    onPoint("#tray-plot", window.nmvizTray.at);
    intoView();
    for (const part of ["Hand", "Layers", "Lessons", "Tray", "Figures", "Contents", "Keyboard", "Speaking", "Link", "Tables", "Share"]) window["nmviz" + part].look();
    measureAbove();
    const button = document.getElementById("theme");
    if (!button || button.dataset.ready) return;
    button.dataset.ready = "yes";
    startTheme();
    // Under a <base>, Plotly names its clip paths by the full address, and they break when we
    // change it. Everything relative is loaded by now.
    document.querySelector("base")?.remove();
  }
  // What an answer says in attributes alone: Gradio writes those of HTML into the elements it has.
  const TOLD = ["data-wanted", "data-of", "data-words", "data-seen", "data-layers", "data-asked"];
  new MutationObserver(() => {
    if (!waiting) { waiting = true; requestAnimationFrame(settle); }
  }).observe(document.documentElement, { childList: true, subtree: true, attributeFilter: TOLD });

  return { address, readable, openTab, saveText, asking, answered, startTheme, pick };
})();
