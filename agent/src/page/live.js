// Shows a page anew when the agent says that something is another one. Without this, the page is whole all the same.
"use strict";
(() => {
  const state = document.getElementById("live");
  let busy = false, again = false;
  const say = (words) => { if (state && state.textContent !== words) state.textContent = words; };
  const isUsed = () => {
    const used = document.activeElement;
    return used && used.closest && used.closest("form");
  };
  async function renew() {
    // Whoever fills in the form is not disturbed: the page is renewed when they are done.
    if (busy || isUsed()) { again = true; return; }
    busy = true; again = false;
    try {
      const answer = await fetch(location.href, { headers: { accept: "text/html" }, cache: "no-cache" });
      if (!answer.ok) return;
      const next = new DOMParser().parseFromString(await answer.text(), "text/html");
      const from = next.getElementById("main"), to = document.getElementById("main");
      if (!from || !to || from.innerHTML === to.innerHTML) return;
      if (isUsed()) { again = true; return; }
      const open = [...to.querySelectorAll("details")].map((part) => part.open);
      const focus = [...to.querySelectorAll("a, summary, [tabindex]")].indexOf(document.activeElement);
      to.replaceChildren(...from.childNodes);
      [...to.querySelectorAll("details")].forEach((part, at) => { part.open = Boolean(open[at]); });
      if (focus >= 0) [...to.querySelectorAll("a, summary, [tabindex]")][focus]?.focus({ preventScroll: true });
    } finally {
      busy = false;
      if (again && !isUsed()) renew();
    }
  }
  // Only a page that is looked at listens: a browser has few connections to one host, and pages that were left keep theirs.
  let events = null;
  const leave = () => {
    if (!events) return;
    events.close();
    events = null;
    say("");
  };
  const listen = () => {
    if (events || document.hidden) return;
    events = new EventSource("/events");
    events.addEventListener("open", () => say("live"));
    events.addEventListener("error", () => say("not live"));
    events.addEventListener("change", renew);
  };
  addEventListener("pagehide", leave);
  addEventListener("pageshow", listen);
  document.addEventListener("visibilitychange", () => { if (document.hidden) leave(); else listen(); });
  document.addEventListener("focusout", () => { if (again) setTimeout(renew, 0); });
  listen();
})();
