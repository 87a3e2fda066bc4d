// Tells of incidents outside of the page: how many are unseen in the tab's title, and each new one once as a notification of
// the browser's, where somebody switched that on. Pages work without it.
"use strict";

(() => {
  const TOLD = "jq2qmt-told";
  const SWITCH = "jq2qmt-notify";
  const { dataset } = document.body;
  if (!("incidents" in dataset)) return;

  // Browsers let only pages under TLS, or of this machine, notify.
  const isAble = "Notification" in window && isSecureContext;
  const isOn = () => isAble && Notification.permission === "granted" && localStorage.getItem(SWITCH) === "on";
  const others = new BroadcastChannel("jq2qmt-incidents");
  // What stood when the page came is no news.
  const known = new Set(JSON.parse(dataset.incidents).map(([key]) => key));

  function mark(unseen) {
    const title = document.title.replace(/^\(\d+\) /, "");
    document.title = unseen > 0 ? `(${unseen}) ${title}` : title;
  }

  // However many tabs find it, the first one to write it down tells.
  async function tell([key, what, link]) {
    const isFirst = await navigator.locks.request(TOLD, () => {
      const told = JSON.parse(localStorage.getItem(TOLD) ?? "[]");
      if (told.includes(key)) return false;
      localStorage.setItem(TOLD, JSON.stringify([...told, key].slice(-100)));
      return true;
    });
    if (!isFirst) return;
    const notification = new Notification(what, { tag: `jq2qmt ${key}`, body: location.host });
    notification.addEventListener("click", () => {
      notification.close();
      open(link);
    });
  }

  function showSwitch() {
    const button = document.getElementById("notify");
    if (!button || !isAble) return;
    button.hidden = false;
    button.textContent = isOn() ? button.dataset.off : button.dataset.on;
    document.getElementById("notify-denied").hidden = Notification.permission !== "denied";
  }

  document.addEventListener("click", async (event) => {
    if (!event.target.closest("#notify")) return;
    const wanted = !isOn();
    if (wanted) await Notification.requestPermission();
    localStorage.setItem(SWITCH, wanted ? "on" : "off");
    showSwitch();
  });

  document.addEventListener("refreshed", ({ detail: { unseen, incidents } }) => {
    if (incidents === undefined) return;
    mark(Number(unseen));
    others.postMessage(Number(unseen));
    const news = JSON.parse(incidents).filter(([key]) => !known.has(key));
    for (const one of news) {
      known.add(one[0]);
      // A browser that has no such windows, as on phones, says so by an error: the title tells all the same.
      if (isOn()) tell(one).catch(() => {});
    }
    showSwitch();
  });

  others.addEventListener("message", ({ data }) => mark(data));
  showSwitch();
})();
