// Keeps a page live: hears of each revision, fetches the page anew, and puts in what differs. Pages work without it.
"use strict";

(() => {
  const body = document.body;
  const parts = () => [...document.querySelectorAll("[data-live]")];
  const lost = document.getElementById("lost");
  const putBack = document.getElementById("put-back");
  const status = document.getElementById("live");
  const chinese = document.documentElement.lang !== "en";
  const units = chinese ? ["秒", "分钟", "小时", "天"] : ["s", "min", "h", "d"];
  // A clock that is wrong by hours must not show wrong ages: what counts is how long the page has been open.
  const opened = Date.now();
  const drawn = new Map();

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

  function mark(before, after) {
    const items = [...before.querySelectorAll("tbody tr, li.entry")];
    const old = new Map(items.map((item) => [keyOf(item), text(item, "[data-derived]")]));
    for (const item of after.querySelectorAll("tbody tr, li.entry")) {
      if (old.get(keyOf(item)) !== text(item, "[data-derived]")) item.classList.add("changed");
    }
  }

  // What an item says. Ages grow by themselves, and shares move with everything else: neither marks an item as changed.
  function text(item, without) {
    const copy = item.cloneNode(true);
    if (without) for (const part of copy.querySelectorAll(without)) part.remove();
    for (const time of copy.querySelectorAll("time[data-ago]")) time.textContent = time.dateTime;
    return copy.textContent;
  }

  // Who works with the keyboard stays where they were.
  function sameIn(part, element) {
    const alike = (other) => other.textContent === element.textContent && other.href === element.href;
    return [...part.querySelectorAll(element.tagName)].find(alike);
  }

  async function refresh() {
    const answer = await fetch(location.href, { headers: { Accept: "text/html" }, cache: "no-store" });
    if (!answer.ok || answer.redirected) return;
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    document.title = page.title;
    let changed = false;
    for (const part of parts()) {
      const next = page.querySelector(`[data-live="${part.dataset.live}"]`);
      if (!next || text(part) === text(next)) continue;
      const open = new Set([...part.querySelectorAll("details[open]")].map((one) => keyOf(one.closest("tr"))));
      for (const one of next.querySelectorAll("details")) one.open = open.has(keyOf(one.closest("tr")));
      mark(part, next);
      const focused = part.contains(document.activeElement) ? document.activeElement : null;
      // What has been scrolled within it stays where it was.
      const places = [...part.querySelectorAll(".scroll")].map((one) => [one.scrollLeft, one.scrollTop]);
      part.replaceWith(next);
      for (const [n, one] of next.querySelectorAll(".scroll").entries()) one.scrollTo(...(places[n] ?? [0, 0]));
      if (focused) sameIn(next, focused)?.focus({ preventScroll: true });
      noteAges(next, Date.now());
      changed = true;
    }
    if (changed) status.textContent = body.dataset.changed;
  }

  // However many revisions come, the page is fetched once a second at most, and not while nobody looks.
  let due = false;
  let waiting = false;
  function soon() {
    due = true;
    if (waiting || document.hidden) return;
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

  noteAges(document, opened);
  setInterval(countAges, 1000);
  if (!("revision" in body.dataset) || parts().length === 0) return;

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

  // A browser opens six connections to a server, whatever the number of its tabs. So one tab that is seen listens, and
  // tells the others; when it is silent for three seconds, another one takes over.
  const channel = new BroadcastChannel("jq2qmt");
  const me = Math.random();
  let source = null;
  let trouble = null;
  let leaderHeard = 0;

  const tell = (word) => channel.postMessage({ word, from: me, revision: seen, lost: !lost.hidden });

  function lead() {
    source = new EventSource(`/api/v1/events?after=${seen}.${lineage}`);
    source.addEventListener("open", () => {
      clearTimeout(trouble);
      trouble = null;
      if (!lost.hidden) soon();
      lost.hidden = true;
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
      trouble ??= setTimeout(() => (lost.hidden = false), 3000);
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
    if (data.word === "who" || (source && data.word === "lead" && data.from > me)) {
      if (source) tell("lead");
    } else if (data.word === "lead") {
      if (source) follow();
      leaderHeard = Date.now();
      if (lost.hidden !== !data.lost && !data.lost) soon();
      lost.hidden = !data.lost;
      hear(data.revision);
    } else if (data.word === "reset") {
      goBack(data.revision);
    } else if (data.word === "bye") {
      leaderHeard = 0;
    }
  });

  function keepWatch() {
    if (document.hidden) return;
    if (source) tell("lead");
    else if (Date.now() - leaderHeard > 3000) lead();
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
    if (document.hidden) leave();
    else {
      keepWatch();
      soon();
    }
  });
})();
