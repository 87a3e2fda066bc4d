// What helps the hands: keys that lead to the search, a button that copies, and what a chart says under a pointer or a finger.
// Pages work without it.
"use strict";

(() => {
  const find = document.getElementById("find");
  const isTyping = (element) => element.matches("input, textarea, select, [contenteditable]");

  document.addEventListener("keydown", (event) => {
    const isSlash = event.key === "/" && !event.ctrlKey && !event.metaKey && !event.altKey && !isTyping(event.target);
    const isCommand = event.key.toLowerCase() === "k" && (event.ctrlKey || event.metaKey) && !event.altKey;
    if (!find || !(isSlash || isCommand)) return;
    event.preventDefault();
    find.focus();
    find.select();
  });

  // Browsers give the clipboard to pages under TLS alone; elsewhere the text is selected, and copied as by hand.
  async function copy(element) {
    if (navigator.clipboard) return navigator.clipboard.writeText(element.textContent);
    getSelection().selectAllChildren(element);
    if (!document.execCommand("copy")) throw new Error("nothing was copied");
  }

  for (const button of document.querySelectorAll("button[data-copy]")) {
    button.hidden = false;
    button.addEventListener("click", async () => {
      try {
        await copy(document.getElementById(button.dataset.copy));
        button.textContent = button.dataset.copied;
      } catch {
        // It stays selected, or can be: nothing is said to be copied that is not.
      }
    });
  }

  // The last of a line's points that lies left of a place: the line stays level until the next.
  function at(line, x) {
    const later = line.findIndex((point) => point.x > x + 0.5);
    return later === 0 ? null : line.at(later < 0 ? -1 : later - 1);
  }

  // Of points at one place the last counts: what it was when all of them were done.
  function read(chart, x) {
    const lines = JSON.parse(chart.dataset.points);
    const found = lines.map((line) => at(line, x)).filter(Boolean);
    let readout = chart.nextElementSibling;
    if (!readout?.matches(".readout")) {
      readout = document.createElement("p");
      readout.className = "readout";
      chart.after(readout);
    }
    readout.textContent = found.map((point) => point.text).join("\n");
    let cursor = chart.querySelector(".cursor");
    if (!cursor) {
      cursor = document.createElementNS("http://www.w3.org/2000/svg", "path");
      cursor.setAttribute("class", "cursor");
      chart.append(cursor);
    }
    cursor.setAttribute("d", `M${x.toFixed(1)} 0V180`);
  }

  function point(event) {
    const chart = event.target.closest?.("svg[data-points]");
    if (!chart) return;
    const place = new DOMPoint(event.clientX, event.clientY).matrixTransform(chart.getScreenCTM().inverse());
    read(chart, Math.min(640, Math.max(0, place.x)));
  }

  document.addEventListener("pointermove", point);
  document.addEventListener("pointerdown", point);
})();
