// What stands below every figure: it on the whole screen, and saved as SVG. The name of a figure, for
// who does not see it, is the sentence that it shows.
window.nmvizFigures = (() => {
  "use strict";
  const WHOLE = "Full screen", BACK = "Leave full screen";
  const EDGE = 16; // pixels below the plot on the whole screen
  const SETTLED = 3, MOST_LOOKS = 50; // looks at a plot that was given back, a tenth of a second apart
  let whole = null; // the figure that has the screen
  let before = 0; // how high its plot was
  let wanted = 0; // how high it is there

  const plotOf = (figure) => figure.querySelector(".js-plotly-plot");
  const sentenceOf = (plot) => plot?.layout?.meta?.title || "";

  function button(kind, words) {
    const made = document.createElement("button");
    made.type = "button";
    made.className = kind;
    made.textContent = words;
    return made;
  }

  function tools(figure) {
    const row = document.createElement("div");
    row.className = "figure-tools";
    row.append(button("whole-screen", WHOLE));
    if (plotOf(figure)) row.append(button("save-svg", "Save SVG"));
    figure.append(row);
    return row;
  }

  function set(element, name, value) {
    if (element.getAttribute(name) !== value) element.setAttribute(name, value);
  }

  // A plot is three drawings on top of each other, and a toolbar beside them.
  function nameOf(figure) {
    const plot = plotOf(figure);
    const said = sentenceOf(plot) || figure.dataset.said || figure.querySelector("h2")?.textContent || "Nothing to draw yet";
    set(figure, "role", "figure");
    set(figure, "aria-label", said);
    const [first, ...others] = plot?.querySelectorAll(".main-svg") || [];
    if (first) { set(first, "role", "img"); set(first, "aria-label", said); }
    for (const one of others) set(one, "aria-hidden", "true");
    for (const one of figure.querySelectorAll(".modebar-btn")) set(one, "tabindex", figure === whole ? "0" : "-1");
    return said;
  }

  function look() {
    for (const figure of document.querySelectorAll(".figure")) {
      if (!plotOf(figure) && !figure.matches(".drawn")) continue;
      const row = figure.querySelector(":scope > .figure-tools") || tools(figure);
      const said = nameOf(figure);
      for (const one of row.children) set(one, "aria-label", `${one.textContent}: ${said}`);
    }
    if (whole && !whole.matches(".whole")) leave(); // Gradio has written its figure anew
    if (whole) fit();
  }

  function save(pressed) {
    pressed.closest(".figure").querySelector('.modebar-btn[data-title*="ownload"]')?.click();
  }

  function toggle(pressed) {
    const figure = pressed.closest(".figure");
    if (figure === whole) leave();
    else enter(figure);
  }

  async function enter(figure) {
    await leave();
    whole = figure;
    before = plotOf(figure)?._fullLayout.height || 0;
    figure.classList.add("whole");
    caption(figure);
    const pressed = figure.querySelector(".whole-screen");
    pressed.textContent = BACK;
    try {
      await figure.requestFullscreen();
    } catch {
      over(figure); // where the browser has none of its own, or does not allow it here
    }
    pressed.focus();
    look();
  }

  // Above all else in the window, whatever lies around the figure.
  function over(figure) {
    if (!figure.showPopover) return;
    figure.popover = "manual";
    figure.showPopover();
  }

  // The plot is drawn once the screen is given back: before that its place is as wide as the screen,
  // and a browser that is busy may give it back later than it says.
  async function leave() {
    const figure = whole;
    if (!figure) return;
    whole = null;
    if (document.fullscreenElement === figure) await document.exitFullscreen().catch(() => {});
    if (figure.popover) { figure.hidePopover(); figure.removeAttribute("popover"); }
    figure.classList.remove("whole");
    const pressed = figure.querySelector(".whole-screen");
    pressed.textContent = WHOLE;
    settle(figure, before);
    if (figure.contains(document.activeElement) || document.activeElement === document.body) pressed.focus();
    look();
  }

  function settle(figure, height, looks = 0) {
    const plot = plotOf(figure);
    if (!plot || figure === whole) return;
    const taken = document.fullscreenElement === figure;
    if (taken) document.exitFullscreen().catch(() => {});
    if (!looks || plot._fullLayout.height !== height || Math.abs(plot._fullLayout.width - plot.clientWidth) > 1) {
      plot.style.height = "";
      window.Plotly.relayout(plot, { height, width: null, autosize: true });
    } else if (!taken && looks > SETTLED) return;
    if (looks < MOST_LOOKS) setTimeout(() => settle(figure, height, looks + 1), 100);
  }

  // Its sentence goes with it where it stands elsewhere on the page.
  function caption(figure) {
    const said = figure.querySelector(":scope > .figure-said") || document.createElement("p");
    said.className = "figure-said";
    said.textContent = figure.querySelector(".words") ? "" : sentenceOf(plotOf(figure));
    figure.append(said);
  }

  // The plot has what the window leaves; one that needs more than that is scrolled to.
  function fit() {
    const plot = plotOf(whole);
    if (!plot?._fullLayout) return;
    const above = plot.getBoundingClientRect().top - whole.getBoundingClientRect().top + whole.scrollTop;
    const height = Math.round(Math.max(before, whole.clientHeight - above - EDGE));
    const drawn = plot._fullLayout;
    if (plot.layout.height && plot.layout.height !== wanted) before = plot.layout.height; // drawn anew
    if (drawn.height === height && drawn.width === plot.clientWidth) return;
    wanted = height;
    plot.style.height = height + "px";
    window.Plotly.relayout(plot, { height, width: plot.clientWidth });
  }

  document.addEventListener("click", (event) => {
    const pressed = event.target.closest("button");
    if (pressed?.matches(".save-svg")) save(pressed);
    else if (pressed?.matches(".whole-screen")) toggle(pressed);
  });
  document.addEventListener("fullscreenchange", () => { if (!document.fullscreenElement) leave(); });
  document.addEventListener("keydown", (event) => { if (event.key === "Escape" && whole) leave(); });
  // Whoever goes on with the keyboard leaves it behind: nothing is focused out of sight.
  document.addEventListener("focusin", (event) => { if (whole && !whole.contains(event.target)) leave(); });
  addEventListener("resize", () => { if (whole) requestAnimationFrame(look); });

  return { look, leave };
})();
