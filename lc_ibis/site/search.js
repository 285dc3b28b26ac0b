"use strict";
const entries = {{ entries | safe }};
const most = 30;

document.addEventListener("DOMContentLoaded", () => {
  const root = document.body.dataset.root;
  const input = document.getElementById("search");
  const found = document.getElementById("found");
  const nav = document.querySelector("nav details");
  if (matchMedia("(max-width: 900px)").matches) nav.open = false;

  const looked = (words) =>
    entries
      .map((entry) => {
        const name = entry.name.toLowerCase();
        const text = `${name} ${entry.kind} ${entry.text.toLowerCase()}`;
        if (!words.every((word) => text.includes(word))) return null;
        // Names before meanings, tables before what is in them, short names before long ones.
        const inName = words.every((word) => name.includes(word)) ? 0 : 1000;
        return { entry, rank: inName + (entry.kind.startsWith("table") ? 0 : 200) + name.length };
      })
      .filter(Boolean)
      .sort((one, other) => one.rank - other.rank);

  const show = () => {
    const words = input.value.toLowerCase().split(/\s+/).filter(Boolean);
    found.replaceChildren();
    found.hidden = words.length === 0;
    if (found.hidden) return;
    const all = looked(words);
    for (const { entry } of all.slice(0, most)) {
      const link = document.createElement("a");
      link.href = root + entry.page;
      link.textContent = entry.name;
      const about = document.createElement("span");
      about.className = "quiet";
      about.textContent = `${entry.kind}: ${entry.text}`;
      link.append(about);
      const item = document.createElement("li");
      item.append(link);
      found.append(item);
    }
    if (all.length === 0 || all.length > most) {
      const item = document.createElement("li");
      item.className = "quiet";
      item.textContent = all.length ? `and ${all.length - most} more` : "no matches";
      found.append(item);
    }
  };

  input.addEventListener("input", show);
  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape") { input.value = ""; show(); }
    if (event.key === "/" && document.activeElement !== input) { event.preventDefault(); input.focus(); }
    const links = [...found.querySelectorAll("a")];
    const at = links.indexOf(document.activeElement);
    if (event.key === "ArrowDown" && links.length && (at >= 0 || document.activeElement === input)) {
      event.preventDefault();
      links[Math.min(at + 1, links.length - 1)].focus();
    }
    if (event.key === "ArrowUp" && at >= 0) {
      event.preventDefault();
      (at === 0 ? input : links[at - 1]).focus();
    }
  });
});
