// The hand: sixteen inputs of one layer, kept or dropped by a click. All it needs came with the page:
// a click asks nobody. It is a few lines high until it is opened whole. Numbers are those of
// nmviz/core/lessons/hand.py.
window.nmvizHand = (() => {
  const KEPT = 8;
  const OWN = "own";
  const SHORT = { magnitude: "By size" };
  const played = {}; // what was chosen, by the name of a hand: the page is drawn anew when the app comes

  // sqrt(d' G d) over ||y||: what dropping d takes from the layer's output
  function relative(dropped, gram, output) {
    let sum = 0;
    for (let i = 0; i < dropped.length; i++) {
      if (!dropped[i]) continue;
      for (let j = 0; j < dropped.length; j++) sum += dropped[i] * gram[i][j] * dropped[j];
    }
    return output ? Math.sqrt(Math.max(sum, 0)) / output : 0;
  }

  function errorOf(hand, word, kept) {
    const dropped = hand.inputs[word].map((x, j) => (kept[j] ? 0 : x));
    return relative(dropped, hand.gram, hand.outputs[word]);
  }

  const ruleOf = (hand, target, name) => hand.rules.find((one) => one.target === target && one.name === name);
  const percent = (share) => (share < 0.0995 ? (100 * share).toFixed(1) : (100 * share).toFixed(0)) + "%";
  const number = (x) => (Math.abs(x) < 0.995 ? x.toFixed(2) : x.toPrecision(3)).replace("-", "\u2212");

  // A word, or a sign for a line's end and for a blank
  const shown = (word) => word.trim() || (word.includes("\n") ? "\u21b5" : "\u2423");

  function make(tag, attributes = {}, ...inside) {
    const made = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes)) {
      if (name === "style") made.style.cssText = value;
      else if (name.startsWith("on")) made.addEventListener(name.slice(2), value);
      else if (value !== false && value !== undefined) made.setAttribute(name, value);
    }
    made.append(...inside.filter((one) => one !== null));
    return made;
  }

  // Makes `there` what `made` is and touches only what differs: what has the focus keeps it, and the
  // browser lays out little anew. What listens stays, so parts of another meaning are replaced whole.
  function become(there, made) {
    const same = there.nodeName === made.nodeName && there.dataset?.key === made.dataset?.key && there.childNodes.length === made.childNodes.length;
    if (!same) return there.replaceWith(made);
    if (there.nodeType === Node.TEXT_NODE) {
      if (there.data !== made.data) there.data = made.data;
      return;
    }
    for (const { name } of [...there.attributes]) if (!made.hasAttribute(name)) there.removeAttribute(name);
    for (const { name, value } of made.attributes) if (there.getAttribute(name) !== value) there.setAttribute(name, value);
    const parts = [...made.childNodes]; // one that is taken over is no longer there
    [...there.childNodes].forEach((one, place) => become(one, parts[place]));
  }

  // A row of buttons is one stop of the keyboard; arrows move in it
  function row(label, kind, buttons) {
    const made = make("div", { class: kind, role: "group", "aria-label": label, "data-key": buttons.map((one) => one.dataset.at).join() }, ...buttons);
    const pressed = buttons.filter((one) => one.getAttribute("aria-pressed") === "true");
    stop(buttons, pressed.length === 1 ? pressed[0] : buttons[0]);
    made.addEventListener("focusin", (event) => stop(buttons, event.target));
    made.addEventListener("keydown", (event) => {
      const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
      const place = buttons.indexOf(document.activeElement);
      if (!step || place < 0) return;
      event.preventDefault();
      buttons[(place + step + buttons.length) % buttons.length].focus();
    });
    return made;
  }

  function stop(buttons, now) {
    for (const one of buttons) one.tabIndex = one === now ? 0 : -1;
  }

  // What was chosen stands in the address: prompt, word, who chooses, and what a hand of one's own keeps
  const IN_LINK = /^(\d{1,2}),(\d{1,3}),([\w()=-]{1,40}),([\w()=-]{1,40}),([01]{16})?,(whole)?$/;

  function fromLink(told) {
    const read = IN_LINK.exec(new URLSearchParams(location.search).get("hand") || "");
    const hand = read && told[Number(read[1])]?.hand;
    if (!hand || Number(read[2]) >= hand.words.length) return {};
    const [, prompt, word, activation, weight, own, whole] = read;
    const known = (target, name) => Boolean(ruleOf(hand, target, name));
    if (!known("weight", weight) || !(activation === OWN ? own : known("activation", activation))) return {};
    return { prompt: Number(prompt), word: Number(word), activation, weight, own: own ? [...own].map((one) => one === "1") : null, whole: Boolean(whole) };
  }

  const toLink = ({ prompt, word, activation, weight, own, whole }) =>
    [prompt, word, activation, weight, activation === OWN ? own.map(Number).join("") : "", whole ? "whole" : ""].join();

  function start(root) {
    const told = JSON.parse(root.dataset.hands);
    const open = Number(root.dataset.open || 0);
    const usual = {
      prompt: open, word: told[open].hand.words.length - 1, activation: "magnitude", weight: "magnitude", own: null, whole: "whole" in root.dataset,
    };
    const linked = Boolean(root.closest("#hand, #first-paint")); // that of a lesson is the step's
    const state = played[root.dataset.of] ||= { ...usual, ...(linked ? fromLink(told) : {}) };

    const hand = () => told[state.prompt].hand;
    // Not every hand has every rule.
    const known = (target, name, there = hand()) => (name === OWN || ruleOf(there, target, name) ? name : "magnitude");
    const kept = () => (state.activation === OWN ? state.own : ruleOf(hand(), "activation", state.activation).kept[state.word]);

    function move(changes) {
      const focused = root.contains(document.activeElement) ? document.activeElement.dataset.at : null;
      Object.assign(state, changes);
      draw();
      if (linked) window.nmviz.address(toLink(state) === toLink(usual) ? "" : "hand=" + toLink(state), "hand");
      const there = focused && root.querySelector(`[data-at="${focused}"]`);
      if (!there) return;
      stop([...there.parentElement.querySelectorAll("button")], there);
      if (there !== document.activeElement) there.focus();
    }

    function toggle(place) {
      const own = [...kept()];
      own[place] = !own[place];
      move({ own, activation: OWN });
    }

    function place() {
      const { block, projection, first, inputs } = hand();
      const end = first + inputs[0].length - 1;
      return make("p", { class: "words" }, `Sixteen activations of the word \u201c${shown(hand().words[state.word])}\u201d (block ${block}, ${projection}, inputs ${first} to ${end}): ${root.dataset.how}`);
    }

    // What a hand that was just made lacks, and which button has it.
    function lacks() {
      const { written, left_out: out = [] } = hand(), said = [];
      if (!written) said.push("How each model goes on: \u201cWrite the three texts\u201d, by the prompt.");
      if (out.length) said.push(`${out.join(", ")}: choose 8:16 and press Run with it once, which reads its calibration text.`);
      return said.length ? make("p", { class: "words" }, said.join(" ")) : null;
    }

    function words() {
      const buttons = hand().words.map((word, place) => make("button", {
        type: "button", class: "word", "data-at": `word-${place}`, "aria-pressed": String(place === state.word),
        onclick: () => move({ word: place }),
      }, shown(word)));
      return row("Words of the prompt", "words-of", buttons);
    }

    function prompts() {
      if (told.length < 2) return null;
      const buttons = told.map((one, place) => make("button", {
        type: "button", class: "chip", "data-at": `prompt-${place}`, "aria-pressed": String(place === state.prompt),
        onclick: () => move({
          prompt: place, word: one.hand.words.length - 1, weight: known("weight", state.weight, one.hand),
          activation: state.activation === OWN ? "magnitude" : known("activation", state.activation, one.hand),
        }),
      }, one.prompt.split(/\s+/).slice(0, 4).join(" ").slice(0, 40) + " \u2026"));
      return row("Prompts", "chips-of", buttons);
    }

    function chips(target) {
      const rules = hand().rules.filter((one) => one.target === target).map(({ name, title }) => [name, SHORT[name] || title]);
      if (target === "activation") rules.push([OWN, "My own"]);
      const buttons = rules.map(([name, words]) => make("button", {
        type: "button", class: "chip", "data-at": `${target}-${name}`, "aria-pressed": String(state[target] === name),
        onclick: () => move(name === OWN ? { activation: OWN, own: [...kept()] } : { [target]: name }),
      }, words));
      return row(target === "activation" ? "Who chooses the inputs" : "Who chooses the weights", "chips-of", buttons);
    }

    function inputs() {
      const x = hand().inputs[state.word], stays = kept();
      const largest = Math.max(...x.map(Math.abs)) || 1;
      const cells = x.map((value, place) => make("button", {
        type: "button", class: stays[place] ? "cell kept" : "cell dropped", "data-at": `cell-${place}`,
        "aria-pressed": String(stays[place]), "aria-label": `input ${hand().first + place}: ${number(value)}, ${stays[place] ? "kept" : "dropped"}`,
        style: `--size: ${(Math.abs(value) / largest).toFixed(3)}`,
        onclick: () => toggle(place),
      }, make("span", { class: "amount" }), make("span", { class: "value" }, number(value))));
      return row("Sixteen inputs: press to keep or drop", "cells", cells);
    }

    function weights() {
      const rule = ruleOf(hand(), "weight", state.weight);
      const largest = Math.max(...hand().weights.flat().map(Math.abs)) || 1;
      const rows = hand().weights.map((line, r) => make("div", { class: "line" }, ...line.map((value, place) => make("span", {
        class: rule.kept[r][place] ? "small kept" : "small dropped", title: `${number(value)}, ${rule.kept[r][place] ? "kept" : "dropped"}`,
        style: `--size: ${(Math.abs(value) / largest).toFixed(3)}`,
      }))));
      return make("div", { class: "lines", role: "img", "aria-label": "Eight rows of the weight: half of every sixteen stay, and these stand for every word" }, ...rows);
    }

    function guess(one, dense) {
      const right = one.word === dense.word;
      return make("span", { class: right ? "right" : "wrong" }, `\u201c${shown(one.word)}\u201d ${percent(one.probability)}`);
    }

    const whole = () => make("button", {
      type: "button", class: "chip", "data-at": "whole", "aria-expanded": String(state.whole), onclick: () => move({ whole: !state.whole }),
    }, state.whole ? "Less" : "More");

    // The rules, or none where the inputs are chosen by hand
    const rules = () => [state.activation === OWN ? null : ruleOf(hand(), "activation", state.activation), ruleOf(hand(), "weight", state.weight)];

    // From the layer to the model, in a line
    function line() {
      const [a, w] = rules(), word = state.word, dense = hand().guesses[word];
      const pair = (name, one, two) => make("span", {}, `${name} `, make("b", { class: "activation" }, one), " (activations), ", make("b", { class: "weight" }, two), " (weights)");
      const next = (rule) => (rule ? guess(rule.guesses[word], dense) : "\u2013");
      return make("p", { class: "words zoom" },
        pair("The whole layer, for this word:", a ? percent(a.layer[word]) : "\u2013", percent(w.layer[word])),
        pair(`Next word, dense \u201c${shown(dense.word)}\u201d ${percent(dense.probability)}; with every layer pruned`, next(a), next(w)));
    }

    const weightError = () => relative(hand().inputs[state.word], ruleOf(hand(), "weight", state.weight).gram, hand().outputs[state.word]);

    function zoom() {
      const [a, w] = rules(), word = state.word;
      const dense = hand().guesses[word];
      const last = word === hand().words.length - 1;
      const error = (share) => make("td", {}, make("span", { class: "share", style: `--size: ${Math.min(1, share / 0.5).toFixed(3)}` }), percent(share));
      const none = () => make("td", { class: "none" }, "for rules only");
      const lines = [
        ["these sixteen inputs", error(errorOf(hand(), word, kept())), error(weightError())],
        ["the whole layer, for this word", a ? error(a.layer[word]) : none(), error(w.layer[word])],
        [`every layer: the next word (dense: \u201c${shown(dense.word)}\u201d ${percent(dense.probability)})`,
          a ? make("td", {}, guess(a.guesses[word], dense)) : none(), make("td", {}, guess(w.guesses[word], dense))],
      ];
      if (last && hand().written) lines.push([`and how it goes on (dense: \u201c${hand().written.trim()}\u201d)`,
        a ? make("td", { class: "written" }, a.written.trim()) : none(), make("td", { class: "written" }, w.written.trim())]);
      const head = make("tr", {}, make("th", { scope: "col" }, "with pruned"),
        make("th", { scope: "col", class: "activation" }, "activations"), make("th", { scope: "col", class: "weight" }, "weights"));
      const body = lines.map(([name, one, two]) => make("tr", {}, make("th", { scope: "row" }, name), one, two));
      return make("div", { class: "scroll", tabindex: "0", role: "group", "aria-label": "From sixteen inputs to the whole model" },
        make("table", {}, make("caption", {}, "How much the output changes"), make("thead", {}, head), make("tbody", {}, ...body)));
    }

    const title = () => make("h2", {}, root.dataset.title);

    function said(beside = "") {
      const count = kept().filter(Boolean).length;
      const odd = count === KEPT ? "" : ` ${count < KEPT ? "Keep" : "Drop"} ${Math.abs(count - KEPT)} more for 8:16.`;
      return make("p", { class: "words spoken" }, `${count} of 16 kept: the layer's output for this word changes by ${percent(errorOf(hand(), state.word, kept()))}${beside}.${odd}`);
    }

    const named = (target, words) => make("div", { class: `rules ${target}` }, make("h3", {}, words), chips(target));

    const short = () => [
      make("div", { class: "head" }, title(), named("activation", "Activations"), named("weight", "Weights"), whole()),
      place(), words(), inputs(), said(`, with pruned weights by ${percent(weightError())}`), line(),
    ];

    const long = () => [
      make("div", { class: "head" }, title(), whole()), place(), prompts(), words(),
      make("div", { class: "sides" },
        make("div", { class: "side activation" }, named("activation", "Activations"), inputs(), said()),
        make("div", { class: "side weight" }, named("weight", "Weights"), weights(),
          make("p", { class: "words" }, `The mask stands for every word: this word's output changes by ${percent(weightError())}.`))),
      zoom(), lacks(),
    ];

    function draw() {
      const parts = (state.whole ? long() : short()).filter(Boolean);
      root.classList.toggle("whole", state.whole);
      if (parts.length !== root.childNodes.length) root.replaceChildren(...parts);
      else parts.forEach((one, place) => become(root.childNodes[place], one));
    }
    root.replaceChildren(); // what stood there without a script
    draw();
  }

  // Where the page has one that is not there yet
  function look() {
    for (const root of document.querySelectorAll(".hand-body[data-hands]")) {
      if (root.dataset.drawn === root.dataset.of) continue;
      // Of a page that is still being read its end may be missing
      if (document.readyState === "loading" && !root.parentElement.nextElementSibling) continue;
      root.dataset.drawn = root.dataset.of;
      start(root);
    }
  }

  return { look };
})();
