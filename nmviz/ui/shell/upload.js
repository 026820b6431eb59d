// A text from a file of the visitor's: read in the browser, checked there, and put into the field for
// a text of one's own. No file reaches the server.
window.nmvizUpload = (() => {
  "use strict";
  const BYTES_OF_A_CHARACTER = 4; // at most, in UTF-8

  // The text of the file; an Error of one sentence where it is none that can be read.
  async function read(file, most) {
    const name = "\u201c" + file.name.slice(0, 80) + "\u201d";
    const tooLong = `${name} is too long: at most ${most.toLocaleString("en")} characters, use a part of it.`;
    if (!/\.txt$/i.test(file.name)) throw new Error(`${name} is no .txt file: save the text as one.`);
    if (file.size > BYTES_OF_A_CHARACTER * most) throw new Error(tooLong);
    let text;
    try {
      text = new TextDecoder("utf-8", { fatal: true }).decode(await file.arrayBuffer());
    } catch {
      throw new Error(`${name} is not UTF-8 text: save it as UTF-8.`);
    }
    text = text.replace(/\r\n?/g, "\n"); // as the field would make of it
    if (text.includes("\0")) throw new Error(`${name} contains zero bytes: save it as plain UTF-8 text.`);
    if (!text.trim()) throw new Error(`${name} is empty: choose one with text in it.`);
    if ([...text].length > most) throw new Error(tooLong);
    return text;
  }

  function tell(part, words, wrong) {
    const line = part.querySelector("p[role]");
    line.textContent = words;
    line.className = wrong ? "error" : "words";
    line.setAttribute("role", wrong ? "alert" : "status");
  }

  async function take(input) {
    const part = input.closest(".from-file"), [file] = input.files;
    if (!file) return;
    const field = document.querySelector(".field-text textarea");
    try {
      const text = await read(file, Number(part.dataset.most));
      field.value = text;
      field.dispatchEvent(new Event("input", { bubbles: true }));
      field.dispatchEvent(new Event("blur"));
      tell(part, `\u201c${file.name.slice(0, 80)}\u201d, ${[...text].length.toLocaleString("en")} characters, stands above.`);
    } catch (refusal) {
      tell(part, refusal.message, true);
    }
    input.value = ""; // the same file may be chosen again once it is mended
  }

  document.addEventListener("change", ({ target }) => { if (target.id === "text-file") take(target); });
})();
