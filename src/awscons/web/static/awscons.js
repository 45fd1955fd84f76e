// What pages can do beyond plain HTML: search while typing, a few keys, copied links, local times.
// Without it every page works all the same.
"use strict";
(() => {
  const root = document.documentElement;
  const one = (selector, from = document) => from.querySelector(selector);
  const all = (selector, from = document) => [...from.querySelectorAll(selector)];
  root.classList.add("js");

  // --- local times ---
  const language = navigator.languages.find((known) => known.startsWith(root.lang)) ?? root.lang;
  for (const time of all("time")) {
    const end = new Date(time.dateTime);
    const sameDay = end.toDateString() === new Date().toDateString();
    const date = sameDay ? {} : { weekday: "short" };
    time.title = time.textContent;
    time.textContent = end.toLocaleString(language, { hour: "2-digit", minute: "2-digit", ...date });
  }

  // --- colours, without a page of their own ---
  const themes = one("[data-theme-form]");
  if (themes) themes.addEventListener("submit", (event) => {
    event.preventDefault();
    const theme = event.submitter.value;
    if (theme) root.dataset.theme = theme; else delete root.dataset.theme;
    for (const button of all("button", themes)) button.setAttribute("aria-pressed", button === event.submitter);
    // The server writes the cookie: it alone knows the path and flags.
    fetch(themes.action, { method: "POST", body: new URLSearchParams({ theme }), redirect: "manual" }).catch(() => {});
  });

  // --- the panel closes like a menu ---
  const panel = one(".me");
  if (panel) {
    document.addEventListener("click", (event) => { if (!panel.contains(event.target)) panel.open = false; });
    panel.addEventListener("keydown", (event) => {
      if (event.key === "Escape" && panel.open) { panel.open = false; one("summary", panel).focus(); }
    });
  }

  // --- links to copy ---
  const status = one(".found");
  const say = (text) => { if (status) status.textContent = text; };
  if (navigator.clipboard) document.addEventListener("click", (event) => {
    const copy = event.target.closest("[data-copy]");
    if (!copy || event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    navigator.clipboard.writeText(copy.dataset.copy).then(
      () => say(status.dataset.copied),
      () => { if (copy.href) location.assign(copy.href); },
    );
  }); else for (const copy of all("button[data-copy]")) copy.hidden = true;

  // --- search while typing ---
  const search = one("[data-search]");
  if (!search) return;
  const field = one("input", search);
  const rows = all("[data-targets] li").map((row) => {
    const group = row.closest(".group");
    const account = one("h2", group);
    return { row, group, account, text: null };
  }).filter(({ row }) => one(".target", row));
  const groups = all("[data-targets] .group");
  const none = one("[data-none]");
  const asides = all("[data-aside]");
  const readable = ({ row, account }) =>
    [row.id.slice(2), one(".what", row).textContent, account.textContent].join(" ").toLowerCase();
  const show = () => {
    const words = field.value.toLowerCase().split(/\s+/).filter(Boolean);
    let count = 0;
    for (const entry of rows) {
      entry.text ??= readable(entry);
      entry.row.hidden = !words.every((word) => entry.text.includes(word));
      if (!entry.row.hidden) count += 1;
    }
    for (const group of groups) {
      group.hidden = !one("li:not([hidden])", group);
      // Accounts are collapsed where there are many targets; a search opens them once it leaves few.
      if (group.matches("details")) group.open = words.length > 0 && count <= 200;
    }
    none.hidden = count > 0;
    for (const aside of asides) aside.hidden = words.length > 0;
    const said = count === 1 ? status.dataset.one : status.dataset.many.replace("#", count);
    say(words.length ? said : "");
    return words.length > 0;
  };
  // A link to a row or an account opens the account.
  const reveal = () => {
    const group = document.getElementById(location.hash.slice(1))?.closest("details.group");
    if (group) { group.open = true; group.scrollIntoView(); }
  };
  addEventListener("hashchange", reveal);
  reveal();
  // A page that was searched by the server holds only what was found: a new search needs the whole list.
  const searchedByServer = field.value !== "";
  if (!searchedByServer) field.addEventListener("input", show);

  // --- keys ---
  const shown = () => all("[data-targets] .target").filter((link) => !link.closest("[hidden], details:not([open])"));
  const shortcut = one("[data-shortcut]");
  const stored = (value) => {
    try { return value === undefined ? localStorage.shortcut : (localStorage.shortcut = value); } catch { return ""; }
  };
  shortcut.checked = stored() !== "off";
  shortcut.addEventListener("change", () => { stored(shortcut.checked ? "on" : "off"); });
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return;
    const at = document.activeElement;
    if (event.key === "/" && shortcut.checked && !at.matches("input, select, textarea")) {
      event.preventDefault();
      field.focus();
      field.select();
      return;
    }
    const links = shown();
    const place = links.indexOf(at);
    if (at === field && event.key === "Escape" && field.value && !searchedByServer) {
      event.preventDefault();
      field.value = "";
      show();
    } else if (at === field && event.key === "Enter" && field.value && !searchedByServer) {
      // One left: that is the one. Several: the first is within reach, and a second Enter opens it.
      event.preventDefault();
      if (links.length === 1) links[0].click(); else links[0]?.focus();
    } else if (event.key === "ArrowDown" && (at === field || place >= 0)) {
      event.preventDefault();
      links[place + 1]?.focus();
    } else if (event.key === "ArrowUp" && place >= 0) {
      event.preventDefault();
      (links[place - 1] ?? field).focus();
    }
  });
})();
