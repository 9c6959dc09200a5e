// Light, dark, or as the system: kept on this machine, set before anything is drawn.
"use strict";
{
  const themes = ["system", "light", "dark"];
  let kept = null;
  try { kept = localStorage.getItem("vegas-theme"); } catch { /* no storage: as the system */ }
  let theme = themes.includes(kept) ? kept : "system";
  document.documentElement.dataset.theme = theme;
  addEventListener("DOMContentLoaded", () => {
    const button = document.getElementById("theme");
    if (!button) return;
    const label = () => button.setAttribute("aria-label", `Colours: ${theme === "system" ? "as the system" : theme}`);
    label();
    button.addEventListener("click", () => {
      theme = themes[(themes.indexOf(theme) + 1) % themes.length];
      document.documentElement.dataset.theme = theme;
      try { localStorage.setItem("vegas-theme", theme); } catch { /* for this page only */ }
      label();
    });
  });
}
