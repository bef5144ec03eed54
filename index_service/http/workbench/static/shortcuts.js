// Keys for what the pages can do: each control names its key in `data-key`. A key does nothing while a field has the
// focus, or with Ctrl, Alt or Meta; the help page lists the keys and switches them off. Without script, all controls
// are reached with Tab.
(() => {
  "use strict";
  const typing = (element) =>
    element.isContentEditable ||
    ["TEXTAREA", "SELECT"].includes(element.tagName) ||
    (element.tagName === "INPUT" && !["radio", "checkbox", "button", "submit"].includes(element.type));

  const use = (control) => {
    if (control.matches("input[type=radio]")) {
      control.checked = true;
      control.focus();
      control.dispatchEvent(new Event("change", { bubbles: true }));
      const reason = document.getElementById(control.dataset.then || "");
      if (reason) reason.focus();
    } else if (control.matches("input, textarea, select")) {
      control.focus();
    } else {
      control.click();
    }
  };

  document.addEventListener("keydown", (event) => {
    if (event.defaultPrevented || event.altKey || event.metaKey || event.isComposing) return;
    const target = event.target instanceof HTMLElement ? event.target : document.body;
    if (event.key === "Enter" && event.ctrlKey) {
      const form = target.closest("form[data-send]");
      if (form) {
        event.preventDefault();
        form.requestSubmit();
      }
      return;
    }
    if (event.key === "Escape" && typing(target)) {
      target.blur();
      return;
    }
    if (event.ctrlKey || typing(target)) return;
    const warning = document.getElementById("session-warning");
    if (warning && !warning.hidden) return;
    const control = [...document.querySelectorAll("[data-key]")].find(
      (each) => each.dataset.key === event.key && !each.disabled && each.checkVisibility(),
    );
    if (control) {
      event.preventDefault();
      use(control);
    }
  });
})();
