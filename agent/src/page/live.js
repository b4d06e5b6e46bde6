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
    // Whoever fills in the form is not disturbed; the next change comes.
    if (busy || isUsed() || document.hidden) { again = true; return; }
    busy = true; again = false;
    try {
      const answer = await fetch(location.href, { headers: { accept: "text/html" }, cache: "no-cache" });
      if (!answer.ok) return;
      const next = new DOMParser().parseFromString(await answer.text(), "text/html");
      const from = next.getElementById("main"), to = document.getElementById("main");
      if (!from || !to || from.innerHTML === to.innerHTML) return;
      const open = [...to.querySelectorAll("details")].map((part) => part.open);
      const focus = [...to.querySelectorAll("a, summary, [tabindex]")].indexOf(document.activeElement);
      to.replaceChildren(...from.childNodes);
      [...to.querySelectorAll("details")].forEach((part, at) => { part.open = Boolean(open[at]); });
      if (focus >= 0) [...to.querySelectorAll("a, summary, [tabindex]")][focus]?.focus({ preventScroll: true });
    } finally {
      busy = false;
    }
  }
  const events = new EventSource("/events");
  events.addEventListener("open", () => say("live"));
  events.addEventListener("error", () => say("not live"));
  events.addEventListener("change", renew);
  document.addEventListener("visibilitychange", () => { if (again) renew(); });
  document.addEventListener("focusout", () => { if (again) setTimeout(renew, 0); });
})();
