// Warns before the session ends, and leads to the page that says so when it has. Without it everything works: the
// foot of every page says when the session ends, and what is sent too late leads to signing in again.
(() => {
  "use strict";
  const WARN_S = 120;
  const warning = document.getElementById("session-warning");
  const left = document.getElementById("session-warning-left");
  const title = document.getElementById("session-warning-title");
  const form = warning.querySelector("form");
  let endsAt = 0;
  let extendable = true;
  let timer = 0;
  let before = null;

  const secondsLeft = () => Math.max(0, Math.round((endsAt - Date.now()) / 1000));

  const inWords = (seconds) =>
    seconds >= 60 ? `${Math.ceil(seconds / 60)} ${seconds > 60 ? "minutes" : "minute"}` : `${seconds} seconds`;

  const close = () => {
    warning.hidden = true;
    if (before && before.isConnected) before.focus();
    before = null;
  };

  const open = () => {
    if (!warning.hidden) return;
    before = document.activeElement;
    form.hidden = !extendable;
    warning.hidden = false;
    title.focus();
  };

  const leave = () => {
    const page = encodeURIComponent(location.pathname + location.search);
    location.assign(`${warning.dataset.end}?next=${page}`);
  };

  const ask = async (options) => {
    const answer = await fetch(warning.dataset.clock, { credentials: "same-origin", cache: "no-store", ...options });
    if (!answer.ok) throw new Error("no answer");
    return answer.json();
  };

  const set = (clock) => {
    endsAt = Date.now() + clock.left_s * 1000;
    extendable = clock.extendable;
    if (clock.left_s <= 0) leave();
    else tick();
  };

  // Other tabs may have been used meanwhile: the server is asked before anything is said, and before leaving.
  const look = async () => {
    try {
      set(await ask({}));
    } catch {
      timer = setTimeout(look, 15000);
    }
  };

  const tick = () => {
    clearTimeout(timer);
    const seconds = secondsLeft();
    if (seconds > WARN_S) {
      close();
      timer = setTimeout(look, Math.min(seconds - WARN_S, 600) * 1000);
    } else if (seconds <= 0) {
      timer = setTimeout(look, 1000);
    } else {
      left.textContent = inWords(seconds);
      open();
      timer = setTimeout(seconds % 20 === 0 ? look : tick, 1000);
    }
  };

  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    try {
      set(await ask({ method: "POST", body: new URLSearchParams(new FormData(form)) }));
    } catch {
      look();
    }
  });
  document.addEventListener("visibilitychange", () => {
    if (!document.hidden) look();
  });
  look();
})();
