// Long tables can be filtered and taken along: by words, a column's range or a regular expression, as
// nmviz/published/listing/terms.py reads them too. What is chosen stands in the link under the name of
// the table's place, and files have exactly the rows that are shown.
window.nmvizTables = (() => {
  "use strict";
  const ENOUGH = 8; // rows from which a table has it
  const TERM = /^([\p{L}\p{N}_± ]+?)\s*(!~|~|<=|>=|!=|<|>|=)\s*(.*)$/u;
  const HELP = "Words; or a column: cost > 0.5, layer ~ /q|k/, block 3..7. Commas between mean “and”.";

  // "+3.24 ± 0.09" is 3.24, "22.2%" is 22.2
  function numberIn(text) {
    const found = /[-+]?\d[\d,]*(\.\d+)?(e[-+]?\d+)?/i.exec(text.replaceAll("\u2212", "-"));
    return found ? Number(found[0].replaceAll(",", "")) : NaN;
  }

  // Commas part the terms, but not inside of /a{1,2}/
  function termsOf(text) {
    const parts = text.match(/(?:~\s*\/(?:\\.|[^/\\])*\/|[^,])+/g) || [];
    return parts.map((one) => one.trim()).filter(Boolean);
  }

  const compare = {
    "<": (x, y) => x < y, ">": (x, y) => x > y, "<=": (x, y) => x <= y, ">=": (x, y) => x >= y,
  };

  function column(heads, name) {
    const wanted = name.trim().toLowerCase();
    const exact = heads.indexOf(wanted);
    return exact >= 0 ? exact : heads.findIndex((one) => one.startsWith(wanted));
  }

  // Which rows a term keeps: a function of their cells. An Error, one sentence, for what is wrong.
  function predicate(term, heads) {
    const range = /^(.+?)\s+(\S+)\.\.(\S+)$/.exec(term);
    if (range && column(heads, range[1]) >= 0) {
      const at = column(heads, range[1]), [low, high] = [numberIn(range[2]), numberIn(range[3])];
      if (Number.isNaN(low + high)) throw new Error(`A range is two numbers, such as ${range[1]} 3..7.`);
      return (cells) => numberIn(cells[at]) >= low && numberIn(cells[at]) <= high;
    }
    const [, name, sign, value] = TERM.exec(term) || [];
    const at = name ? column(heads, name) : -1;
    if (!name || (at < 0 && sign === "=")) return (cells) => cells.some((one) => one.toLowerCase().includes(term.toLowerCase()));
    if (at < 0) throw new Error(`There is no column “${name}”: there are ${heads.join(", ")}.`);
    if (sign.endsWith("~")) {
      const wanted = expression(value);
      return (cells) => wanted.test(cells[at]) !== sign.startsWith("!");
    }
    const limit = numberIn(value);
    if (sign in compare) {
      if (Number.isNaN(limit)) throw new Error(`“${name} ${sign}” needs a number behind it.`);
      return (cells) => compare[sign](numberIn(cells[at]), limit);
    }
    const same = (cell) => cell.toLowerCase() === value.toLowerCase() || (!Number.isNaN(limit) && String(limit) === value && numberIn(cell) === limit);
    return (cells) => same(cells[at]) === (sign === "=");
  }

  function expression(value) {
    const inside = /^\/(.*)\/$/.exec(value);
    try {
      return new RegExp(inside ? inside[1] : value, "i");
    } catch {
      throw new Error(`“${value}” is no regular expression.`);
    }
  }

  const textOf = (cell) => {
    const copy = cell.cloneNode(true);
    for (const tip of copy.querySelectorAll(".tip")) tip.remove(); // what a hint says is not in the cell
    return copy.textContent.replace(/\s+/g, " ").trim();
  };
  const rowsOf = (table) => [...table.tBodies].flatMap((body) => [...body.rows]);
  const cellsOf = (row) => [...row.cells].map(textOf);
  const headsOf = (table) => [...table.tHead.rows[0].cells].map(textOf);

  // The name of a table in the link: where it stands
  function nameOf(table) {
    const place = table.closest("[id]:not([id=''], [id^='html-'], [id^='component-'])");
    if (!place) return "";
    const at = [...place.querySelectorAll("table")].indexOf(table);
    return `table.${place.id}${at ? "-" + (at + 1) : ""}`;
  }

  function filter(table, text, said) {
    const rows = rowsOf(table);
    let keep;
    try {
      const heads = headsOf(table).map((one) => one.toLowerCase());
      keep = termsOf(text).map((one) => predicate(one, heads));
      said.textContent = "";
    } catch (error) {
      said.textContent = error.message;
      return;
    }
    let count = 0;
    for (const row of rows) {
      const cells = cellsOf(row), shown = keep.every((one) => one(cells));
      if (row.hidden === shown) row.hidden = !shown;
      count += shown;
    }
    if (keep.length) said.textContent = `${count} of ${rows.length} rows`;
  }

  const told = (table) => ({ heads: headsOf(table), rows: rowsOf(table).filter((row) => !row.hidden).map(cellsOf) });
  const quoted = (text) => (/[",\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text);
  // A spreadsheet takes what begins so for a formula
  const plain = (text) => (/^[=@\t\r]|^[-+](?![\d.])/.test(text) ? "'" + text : text);
  const SPECIAL = { "\\": "\\textbackslash{}", "~": "\\textasciitilde{}", "^": "\\textasciicircum{}", "<": "\\textless{}", ">": "\\textgreater{}", "\u2212": "$-$", "±": "$\\pm$", "×": "$\\times$", "–": "--" };
  const latex = (text) => text.replace(/[\\&%$#_{}~^<>\u2212±×–]/g, (one) => SPECIAL[one] || "\\" + one);

  const FORMATS = {
    CSV: ["csv", "text/csv", ({ heads, rows }) => [heads, ...rows].map((row) => row.map((one) => quoted(plain(one))).join(",")).join("\n") + "\n"],
    JSON: ["json", "application/json", ({ heads, rows }) => JSON.stringify(rows.map((row) => Object.fromEntries(row.map((one, at) => [heads[at] || `column ${at + 1}`, one]))), null, 1)],
    LaTeX: ["tex", "application/x-tex", ({ heads, rows }) => [
      "% \\usepackage{booktabs}", `\\begin{tabular}{l${"r".repeat(Math.max(0, heads.length - 1))}}`, "\\toprule",
      heads.map(latex).join(" & ") + " \\\\", "\\midrule", ...rows.map((row) => row.map(latex).join(" & ") + " \\\\"), "\\bottomrule", "\\end{tabular}", "",
    ].join("\n")],
  };

  function save(table, format) {
    const [ending, type, write] = FORMATS[format];
    const name = "nmviz-" + nameOf(table).replace("table.", "") + "." + ending;
    window.nmviz.saveText(JSON.stringify({ name, type, text: write(told(table)) }));
  }

  function tools(table, name, asked) {
    const made = document.createElement("details");
    made.className = "table-tools";
    made.open = Boolean(asked);
    const label = table.caption?.textContent || "table";
    made.innerHTML = `<summary>Filter and export</summary><div><input type="search" maxlength="200" title="${HELP}" placeholder="word, column > 5, column ~ regex"><span class="words" role="status"></span>${Object.keys(FORMATS).map((one) => `<button type="button" data-format="${one}">${one}</button>`).join("")}</div>`;
    const [input, said] = [made.querySelector("input"), made.querySelector("span")];
    input.setAttribute("aria-label", "Filter rows of: " + label);
    input.value = asked;
    input.addEventListener("input", () => {
      filter(table, input.value, said);
      window.nmviz.address(input.value ? new URLSearchParams({ [name]: input.value }).toString() : "", name);
    });
    made.addEventListener("click", ({ target }) => { if (target.dataset.format) save(table, target.dataset.format); });
    if (asked) filter(table, asked, said);
    return made;
  }

  function look() {
    for (const table of document.querySelectorAll(".scroll > table")) {
      const there = table.parentElement.previousElementSibling;
      if (there?.matches(".table-tools") || !table.tHead || rowsOf(table).length < ENOUGH) continue;
      const name = nameOf(table);
      if (name) table.parentElement.before(tools(table, name, new URLSearchParams(location.search).get(name) || ""));
    }
  }

  return { look };
})();
