// What helps the hands: keys that lead to the search. Pages work without it.
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
})();
