// Keeps a page live: hears of each revision, fetches the page anew, and puts in what differs. Pages work without it.
"use strict";

(() => {
  const body = document.body;
  // What is kept live: the whole of a page that shows numbers, and what stands above every page. A page that is only a form
  // stays as it is.
  const selectorOf = (part) => (part.id ? `#${part.id}` : `[data-live="${part.dataset.live}"]`);
  const live = () => {
    const above = [...document.querySelectorAll("[data-live]")].filter((part) => !part.closest("main"));
    const main = document.querySelector("main:has([data-live])");
    return main ? [...above, main] : above;
  };
  const lost = document.getElementById("lost");
  const putBack = document.getElementById("put-back");
  const over = document.getElementById("session-over");
  const heldBack = document.getElementById("held-back");
  const status = document.getElementById("live");
  const chinese = document.documentElement.lang !== "en";
  const units = chinese ? ["秒", "分钟", "小时", "天"] : ["s", "min", "h", "d"];
  // A clock that is wrong by hours must not show wrong ages: what counts is how long the page has been open.
  const opened = Date.now();
  const drawn = new Map();
  // Why what is shown may be old: nothing is heard of the server, or it has refused the page.
  let unheard = false;
  let refused = false;
  let due = false;
  // An input method's half word would be lost with its field.
  let composing = false;
  // The stream that this tab listens to, if it is the one.
  let source = null;

  function showLost() {
    lost.hidden = !unheard && !refused;
  }

  function age(seconds) {
    const unit = seconds < 60 ? 0 : seconds < 3600 ? 1 : seconds < 86400 ? 2 : 3;
    const number = Math.floor(seconds / [1, 60, 3600, 86400][unit]);
    return chinese ? `${number} ${units[unit]}前` : `${number} ${units[unit]} ago`;
  }

  // The server writes an age; from it and the time since, the page goes on counting.
  function secondsOf(text) {
    const match = /^(\d+)\s*(\S+?)(?:前| ago)$/.exec(text.trim());
    return match ? Number(match[1]) * [1, 60, 3600, 86400][Math.max(0, units.indexOf(match[2]))] : null;
  }

  function noteAges(root, at) {
    for (const time of root.querySelectorAll("time[data-ago]")) {
      const seconds = secondsOf(time.textContent);
      if (seconds !== null) drawn.set(time, { seconds, at });
    }
  }

  function countAges() {
    for (const [time, { seconds, at }] of drawn) {
      if (!time.isConnected) drawn.delete(time);
      else time.textContent = age(seconds + (Date.now() - at) / 1000);
    }
  }

  // What a row or an item is known by, so that the same one is found in the new page.
  const keyOf = (item) => item.id || item.querySelector("th[scope=row] a, th[scope=row] .code, a")?.textContent.trim();

  // What opens is known by its row or item, and by what it is called there.
  const keyOfOpen = (one) => {
    const item = one.closest("tr, li");
    return `${item ? keyOf(item) : ""} ${one.querySelector("summary")?.textContent.trim()}`;
  };

  // The same code stands in several tables of a page.
  const placeOf = (item) => `${item.closest("[data-live]").dataset.live} ${keyOf(item)}`;

  function mark(before, after) {
    const items = [...before.querySelectorAll("[data-live] tbody tr, [data-live] li.entry")];
    const old = new Map(items.map((item) => [placeOf(item), text(item, "[data-derived]")]));
    for (const item of after.querySelectorAll("[data-live] tbody tr, [data-live] li.entry")) {
      if (old.get(placeOf(item)) !== text(item, "[data-derived]")) item.classList.add("changed");
    }
  }

  // What an item says. Ages grow by themselves, shares move with everything else, and what a script says, as a chart under a
  // pointer, is no part of the page: none of them marks an item as changed.
  function text(item, ...without) {
    const copy = item.cloneNode(true);
    for (const part of copy.querySelectorAll([".readout", "#notify", ...without].join())) part.remove();
    for (const time of copy.querySelectorAll("time[data-ago]")) time.textContent = time.dateTime;
    return copy.textContent;
  }

  // Who works with the keyboard stays where they were.
  function sameIn(part, element) {
    if (element.id) return part.querySelector(`#${CSS.escape(element.id)}`);
    const words = (one) => [one.textContent, one.href, one.getAttribute("aria-label")].join("\n");
    const alike = (other) => words(other) === words(element);
    return [...part.querySelectorAll(element.tagName)].find(alike);
  }

  // What somebody typed or chose, and did not send.
  function isTouched(field) {
    if (field.type === "hidden") return false;
    if (field.type === "checkbox" || field.type === "radio") return field.checked !== field.defaultChecked;
    if (field.tagName === "SELECT") {
      const first = [...field.options].findIndex((option) => option.defaultSelected);
      return field.selectedIndex !== Math.max(0, first);
    }
    return field.value !== field.defaultValue;
  }

  // A form's fields by where they are sent and what they are called, the first, second, … of a name apart.
  function fieldsOf(part) {
    const fields = new Map();
    for (const field of part.querySelectorAll("input, select, textarea")) {
      let key = `${field.form?.getAttribute("action")} ${field.name} ${field.type === "radio" ? field.value : ""}`;
      while (fields.has(key)) key += "+";
      fields.set(key, field);
    }
    return fields;
  }

  // Takes over what is typed; false where the new page has no place for it.
  function keepTyped(before, after) {
    const fields = fieldsOf(after);
    for (const [key, field] of fieldsOf(before)) {
      if (!isTouched(field)) continue;
      const same = fields.get(key);
      if (!same) return false;
      if (field.type === "checkbox" || field.type === "radio") same.checked = field.checked;
      else same.value = field.value;
    }
    return true;
  }

  // Puts one part of the page in the place of another, as it was left: open, scrolled, focused.
  function put(before, after) {
    const open = new Set([...before.querySelectorAll("details[open]")].map(keyOfOpen));
    for (const one of after.querySelectorAll("details")) one.open = open.has(keyOfOpen(one));
    const scrolled = [...before.querySelectorAll(".scroll")].map((one) => [one.scrollLeft, one.scrollTop]);
    const focused = before.contains(document.activeElement) ? document.activeElement : null;
    mark(before, after);
    before.replaceWith(after);
    after.querySelectorAll(".scroll").forEach((one, n) => {
      if (scrolled[n]) [one.scrollLeft, one.scrollTop] = scrolled[n];
    });
    if (focused) sameIn(after, focused)?.focus({ preventScroll: true });
    noteAges(after, Date.now());
  }

  // A page whose session has ended shows what a stranger may see, or a login: neither comes in the place of this one.
  function isOver(answer, page) {
    const sent = answer.status === 401 || (answer.redirected && new URL(answer.url).pathname === "/login");
    return sent || (answer.ok && "member" in body.dataset && !("member" in page.body.dataset));
  }

  // Every number of the page comes from one answer: all of them are put in, or none.
  async function refresh() {
    const answer = await fetch(location.href, { headers: { Accept: "text/html" }, cache: "no-store" });
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    over.hidden = !isOver(answer, page);
    if (!over.hidden) return;
    // What is shown may be old until an answer comes: a server that refuses is as good as none.
    refused = !answer.ok;
    showLost();
    if (refused || answer.redirected) return;
    putIn(page);
    document.dispatchEvent(new CustomEvent("refreshed", { detail: page.body.dataset }));
  }

  function putIn(page) {
    if (composing) return void (due = true);
    const pairs = live().map((part) => [part, page.querySelector(selectorOf(part))]);
    const changed = pairs.filter(([part, next]) => next && text(part) !== text(next));
    heldBack.hidden = changed.every(([part, next]) => keepTyped(part, next));
    if (!heldBack.hidden || changed.length === 0) return;
    for (const [part, next] of changed) put(part, next);
    document.title = page.title;
    status.textContent = body.dataset.changed;
  }

  // However many revisions come, the page is fetched once a second at most. While nobody looks at any tab, the one that
  // listens goes on, to tell of incidents.
  let waiting = false;
  function soon() {
    due = true;
    if (waiting || composing || (document.hidden && !source)) return;
    waiting = true;
    setTimeout(async () => {
      due = false;
      try {
        await refresh();
      } catch {
        due = true;
      }
      waiting = false;
      if (due) soon();
    }, 1000);
  }

  document.addEventListener("compositionstart", () => (composing = true));
  document.addEventListener("compositionend", () => {
    composing = false;
    if (due) soon();
  });
  noteAges(document, opened);
  setInterval(countAges, 1000);
  if (!("revision" in body.dataset) || live().length === 0) return;

  // Some of what is shown is no revision: whether terminals are heard of, and what of it is an incident.
  setInterval(soon, 30_000);

  let seen = Number(body.dataset.revision);
  // An id of the stream is a revision, behind a point its lineage.
  let lineage = Number(body.dataset.lineage);
  function hear(revision) {
    if (revision > seen) {
      seen = revision;
      soon();
    }
  }

  // The server's data is an older copy: what this page knows of may be gone, and later revisions have smaller numbers.
  function goBack(revision) {
    seen = revision;
    putBack.hidden = false;
    soon();
  }

  // A browser opens six connections to a server, whatever the number of its tabs. So one tab listens, and tells the others;
  // when it is silent for three seconds, another one takes over. One that is seen comes before those that are not, whose
  // clocks the browser slows down.
  const channel = new BroadcastChannel("jq2qmt");
  const me = Math.random();
  const rank = () => me + (document.hidden ? 1 : 0);
  let trouble = null;
  let leaderHeard = 0;

  const tell = (word) => channel.postMessage({ word, from: rank(), revision: seen, lost: unheard });

  function lead() {
    source = new EventSource(`/api/v1/events?after=${seen}.${lineage}`);
    source.addEventListener("open", () => {
      clearTimeout(trouble);
      trouble = null;
      if (unheard) soon();
      unheard = false;
      showLost();
      tell("lead");
    });
    source.addEventListener("revision", (event) => {
      hear(Number.parseInt(event.lastEventId));
      tell("lead");
    });
    source.addEventListener("reset", (event) => {
      const data = JSON.parse(event.data);
      lineage = data.lineage;
      goBack(data.revision);
      tell("reset");
    });
    source.addEventListener("error", () => {
      trouble ??= setTimeout(() => {
        unheard = true;
        showLost();
      }, 3000);
      // A browser gives up after an answer that is no stream; we do not.
      if (source?.readyState === EventSource.CLOSED) follow();
    });
    tell("lead");
  }

  function follow() {
    source?.close();
    source = null;
  }

  channel.addEventListener("message", ({ data }) => {
    if (data.word === "who" || (source && data.word === "lead" && data.from > rank())) {
      if (source) tell("lead");
    } else if (data.word === "lead") {
      if (source) follow();
      if (data.from < 1 || document.hidden) leaderHeard = Date.now();
      if (unheard && !data.lost) soon();
      unheard = data.lost;
      showLost();
      hear(data.revision);
    } else if (data.word === "reset") {
      goBack(data.revision);
    } else if (data.word === "bye") {
      leaderHeard = 0;
    }
  });

  function keepWatch() {
    if (source) tell("lead");
    else if (Date.now() - leaderHeard > (document.hidden ? 10_000 : 3000)) lead();
  }

  function leave() {
    if (!source) return;
    follow();
    tell("bye");
  }

  tell("who");
  // Tabs that begin together shall not all begin to lead.
  setTimeout(keepWatch, 100 + me * 200);
  setInterval(keepWatch, 1000);
  addEventListener("pagehide", leave);
  document.addEventListener("visibilitychange", () => {
    keepWatch();
    if (!document.hidden) soon();
  });
})();
