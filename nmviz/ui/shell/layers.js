// The map of all layers, blocks x projections: a press or Enter chooses the one to look at. Which is
// chosen and what each costs comes with the page; what to do with a choice is script.js's.
window.nmvizLayers = (() => {
  "use strict";
  const MOVES = { ArrowRight: [0, 1], ArrowLeft: [0, -1], ArrowDown: [1, 0], ArrowUp: [-1, 0] };
  let read = ""; // what the page was told last
  let drawn = ""; // and of that what is drawn, whichever layer is chosen

  function make(tag, attributes, ...inside) {
    const made = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
    made.append(...inside);
    return made;
  }

  function cell(told, side, row, block) {
    const name = told.projections[row], error = side.errors[row]?.[block];
    const chosen = told.chosen === `${block},${name}`;
    const words = `block ${block}, ${name}: ${error || "not measured"}`;
    const share = error ? Math.min(1, parseFloat(error) / told.largest) : 0;
    return make("td", {
      role: "gridcell", tabindex: "-1", "aria-selected": String(chosen), "aria-label": words, title: words,
      class: error ? "known" : "unknown", "data-place": `${block},${name}`, "data-at": `${side.target},${row},${block}`,
      style: `--share: ${share.toFixed(3)}`,
    });
  }

  function grid(told, side) {
    const blocks = [...Array(told.blocks).keys()];
    const rows = told.projections.map((name, row) => make("tr", { role: "row" },
      make("th", { scope: "row", role: "rowheader" }, name), ...blocks.map((block) => cell(told, side, row, block))));
    const every = Math.max(1, Math.ceil(told.blocks / 8));
    const foot = make("tr", { "aria-hidden": "true" }, make("th", {}, "block"),
      ...blocks.map((block) => make("th", {}, block % every ? "" : String(block))));
    const table = make("table", {
      class: `layers ${side.target}`, role: "grid", "aria-label": `${side.name}: error of each layer, blocks across. Arrows move, Enter chooses.`,
    }, make("tbody", {}, ...rows), make("tfoot", { "aria-hidden": "true" }, foot));
    (table.querySelector('[aria-selected="true"]') || table.querySelector("td")).tabIndex = 0;
    return make("div", { class: "layers-of" }, make("p", { class: "words" }, side.said), table);
  }

  function draw(root, told) {
    const focused = root.contains(document.activeElement) ? document.activeElement.dataset.at : "";
    root.replaceChildren(...told.sides.map((side) => grid(told, side)));
    if (focused) root.querySelector(`[data-at="${focused}"]`)?.focus({ preventScroll: true });
    root.parentElement.dataset.said = told.sides.map((side) => side.said).join(" ");
  }

  // Another layer is chosen, and the rest as it was.
  function mark(root, chosen) {
    for (const one of root.querySelectorAll("td")) {
      one.setAttribute("aria-selected", String(one.dataset.place === chosen));
      if (one.dataset.place === chosen && !one.closest("table").contains(document.activeElement)) stop(one);
    }
  }

  function look() {
    const root = document.getElementById("layers-body");
    if (!root) return;
    const text = document.querySelector("#layers-told [data-layers]")?.dataset.layers || "";
    if (text === read) return;
    read = text;
    document.getElementById("which-layer").classList.toggle("offstage", !text);
    const { chosen, ...map } = JSON.parse(text || '{ "sides": [] }');
    const key = JSON.stringify(map);
    if (key === drawn) mark(root, chosen);
    else draw(root, { chosen, ...map });
    drawn = key;
  }

  // One cell of a grid is a stop of the keyboard: the one that had the focus last.
  function stop(now) {
    for (const one of now.closest("table").querySelectorAll('[tabindex="0"]')) one.tabIndex = -1;
    now.tabIndex = 0;
  }

  // The pictures of the chosen layer lie around the map.
  function choose(now) {
    window.nmvizFigures.leave();
    window.nmviz.pick(now.dataset.place);
  }

  const cellOf = (event) => event.target.closest?.("#layers-body td");

  function key(event) {
    const now = cellOf(event);
    if (!now) return;
    if (event.key === "Enter" || event.key === " ") choose(now);
    else if (!move(now, event.key)) return;
    event.preventDefault();
  }

  function move(now, pressed) {
    const row = now.parentElement, last = row.cells.length - 1;
    const ends = { Home: 1, End: last };
    const [down, right] = MOVES[pressed] || [0, 0];
    if (!(pressed in ends) && !MOVES[pressed]) return false;
    const line = row.parentElement.rows[row.rowIndex + down] || row;
    line.cells[ends[pressed] ?? Math.min(last, Math.max(1, now.cellIndex + right))].focus();
    return true;
  }

  document.addEventListener("focusin", (event) => {
    const now = cellOf(event);
    if (now) stop(now);
  });
  document.addEventListener("keydown", key);
  document.addEventListener("click", (event) => {
    const now = cellOf(event);
    if (now) choose(now);
  });
  return { look };
})();
