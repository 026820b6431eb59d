// The dialog that a view is shared from (sharing.py), and the page that shows one panel alone.
window.nmvizShare = (() => {
  "use strict";
  const SHOWN_FOR = 2000; // milliseconds
  let asked = null; // the query that the server was asked about

  const here = () => location.origin + location.pathname + location.search;

  function box() {
    const there = document.getElementById("share-box");
    if (there) return there;
    const made = document.createElement("dialog");
    made.id = "share-box";
    made.setAttribute("aria-labelledby", "share-title");
    made.innerHTML = '<header><h2 id="share-title">Share this view</h2><button type="button" class="close">Close</button></header><div class="share-body"><p class="words">Working it out.</p></div>';
    document.querySelector(".gradio-container").append(made);
    made.addEventListener("click", (event) => {
      if (event.target === made || event.target.closest(".close")) made.close(); // outside of it
      const copy = event.target.closest(".copy");
      if (event.target.closest(".save-report")) tell("input");
      if (event.target.closest(".save-figure")) tell("submit", figure(made));
      if (copy) copied(copy, copy.previousElementSibling.textContent);
    });
    made.addEventListener("change", (event) => { if (event.target.matches(".share-panel select")) fill(made); });
    return made;
  }

  function figure(root) {
    const chosen = [...root.querySelectorAll("[data-figure]")].map((menu) => [menu.dataset.figure, menu.value]);
    return JSON.stringify({ query: location.search, ...Object.fromEntries(chosen) });
  }

  async function copied(button, text) {
    const words = (button.dataset.words ||= button.textContent);
    try {
      await navigator.clipboard.writeText(text);
      button.textContent = "Copied";
    } catch {
      getSelection().selectAllChildren(button.previousElementSibling);
      button.textContent = "Selected";
    }
    setTimeout(() => { button.textContent = words; }, SHOWN_FOR);
  }

  function open() {
    const dialog = box();
    asked = location.search;
    dialog.querySelector(".share-body").replaceChildren();
    dialog.showModal();
    tell();
  }

  // Somebody listens once the page has come to rest.
  function tell(event = "select", place = location.search) {
    const there = document.querySelectorAll("#share-ask [data-ready]");
    if (!there.length) { setTimeout(() => tell(event, place), 200); return; }
    for (const one of there) one.dispatchEvent(new CustomEvent("pick", { detail: { event, place } }));
  }

  function embedded(panel) {
    const next = new URLSearchParams(location.search);
    next.set("embed", "1");
    next.set("panel", panel.value);
    const link = location.origin + location.pathname + "?" + window.nmviz.readable(next.toString());
    const title = "nmviz: " + panel.selectedOptions[0].textContent;
    return `<iframe src="${link.replaceAll("&", "&amp;")}" title="${title}" width="100%" height="520" loading="lazy" style="border: 0"></iframe>`;
  }

  function fill(root) {
    for (const one of root.querySelectorAll("[data-fill]")) {
      one.textContent = one.dataset.fill === "link" ? here() : embedded(root.querySelector(".share-panel select"));
    }
  }

  // The answer comes into the dialog, which the server knows nothing of.
  function answered() {
    const dialog = document.getElementById("share-box");
    const said = document.querySelector("#share-said .share-said");
    if (!dialog?.open || !said || said.dataset.of !== asked) return;
    asked = null;
    dialog.querySelector(".share-body").innerHTML = said.innerHTML;
    fill(dialog);
  }

  // The tab of a panel that is shown alone, where the link does not say it
  const TABS = { published: "published", claim: "claims", tradeoffs: "trade-offs" };
  const tab = (name) => TABS[(name || "").split("-")[0]];

  const told = new URLSearchParams(location.search);
  const panel = told.get("embed") === "1" ? told.get("panel") || "cards" : "";
  if (panel) document.documentElement.classList.add("embedded");

  // Of the whole page the panel and what it stands in are seen.
  function alone() {
    const place = panel && document.getElementById(panel);
    if (!place || place.classList.contains("alone")) return;
    for (const one of document.querySelectorAll(".alone, .around")) one.classList.remove("alone", "around");
    place.classList.add("alone");
    for (let one = place.parentElement; one; one = one.parentElement) one.classList.add("around");
    if (!document.getElementById("embed-whole")) {
      const whole = document.createElement("p");
      const link = new URLSearchParams(location.search);
      for (const name of ["embed", "panel"]) link.delete(name);
      whole.id = "embed-whole";
      whole.innerHTML = '<a target="_blank" rel="noopener">Open in nmviz</a>';
      whole.firstChild.href = location.pathname + (link.size ? "?" + link : "");
      place.append(whole);
    }
  }

  function look() {
    answered();
    alone();
  }

  document.addEventListener("click", (event) => { if (event.target.closest?.("#share")) open(); });
  return { look, tab };
})();
