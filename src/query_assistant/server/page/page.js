// What gradio has no events for: parts that select their place in the query, completion of field names, history, copying.
(() => {
  const HISTORY = "query-assistant-history", LONGEST = 30;
  const here = (path) => new URL(path, location.origin + location.pathname.replace(/\/?$/, "/"));
  const box = (id) => document.querySelector(`#${id} textarea, #${id} input[type=text]`);

  function put(id, text) {
    const field = box(id);
    if (!field) return;
    const prototype = field.tagName === "TEXTAREA" ? HTMLTextAreaElement : HTMLInputElement;
    Object.getOwnPropertyDescriptor(prototype.prototype, "value").set.call(field, text);
    field.dispatchEvent(new Event("input", { bubbles: true }));
  }
  const press = (id) => setTimeout(() => document.getElementById(id)?.click(), 80);
  function choose(api) {
    const radio = [...document.querySelectorAll("#qa-api input[type=radio]")].find((one) => one.value === api);
    if (radio && !radio.checked) radio.click();
  }
  const currentApi = () =>
    document.querySelector(".qa-understood")?.dataset.api ||
    document.querySelector("#qa-api input[type=radio]:checked")?.value || "";

  const actions = {
    part(button) {
      const field = box("qa-query"), { start, end } = button.dataset;
      if (!field) return;
      field.focus();
      if (start !== undefined) field.setSelectionRange(Number(start), Number(end));
      field.scrollIntoView({ block: "center", behavior: "auto" });
    },
    reading(button) { put("qa-query", button.dataset.query); press("qa-run"); },
    example(button) { choose(""); put("qa-question", button.dataset.question); press("qa-ask"); },
    async copy(button) {
      const text = button.parentElement.querySelector("code").textContent;
      try { await navigator.clipboard.writeText(text); button.textContent = "Copied"; }
      catch { getSelection().selectAllChildren(button.parentElement.querySelector("code")); button.textContent = "Selected"; }
      setTimeout(() => { button.textContent = "Copy"; }, 2000);
    },
    async withdraw(button) {
      const done = await fetch(here(`api/corrections/${Number(button.dataset.number)}`), { method: "DELETE" });
      if (done.ok) button.closest("li").remove();
    },
    forget() { localStorage.removeItem(HISTORY); showHistory(); },
  };
  document.addEventListener("click", (event) => {
    const button = event.target.closest?.("[data-do]");
    if (button) actions[button.dataset.do]?.(button);
  });

  // The address holds question, API and query, so that it can be shared; the latest ones are kept in this browser alone.
  window.qaRemember = (question, query) => {
    const api = document.querySelector(".qa-understood")?.dataset.api || "";
    const address = new URL(location.href);
    for (const [name, value] of Object.entries({ q: question, api, query })) {
      if (value) address.searchParams.set(name, value); else address.searchParams.delete(name);
    }
    history.replaceState(null, "", address);
    if (!question && !query) return;
    const kept = read().filter((one) => one.q !== question || one.api !== api);
    kept.unshift({ q: question, api, query });
    try { localStorage.setItem(HISTORY, JSON.stringify(kept.slice(0, LONGEST))); } catch { /* a private window */ }
    showHistory();
  };
  function read() {
    try { return JSON.parse(localStorage.getItem(HISTORY)) || []; } catch { return []; }
  }
  function showHistory() {
    const list = document.getElementById("qa-history-list");
    if (!list) return;
    const items = read().map(({ q, api, query }) => {
      const item = document.createElement("li"), link = document.createElement("a"), tag = document.createElement("span");
      link.textContent = q || query;
      link.href = "?" + new URLSearchParams({ q: q || "", api: api || "", query: query || "" });
      tag.className = "qa-tag";
      tag.textContent = api || "";
      item.append(link, " ", tag);
      return item;
    });
    list.replaceChildren(...items);
    document.getElementById("qa-history")?.classList.toggle("qa-nothing", !items.length);
  }

  // Completion: a listbox below the query, for the name that the caret stands behind.
  let hints = [], active = -1, waiting = 0, asked = 0;
  const NAME = /(?:^|[\s=:(,+-])([A-Za-z_][\w.]*)$/;
  function list(field) {
    let found = document.getElementById("qa-hints");
    if (!found) {
      found = document.createElement("ul");
      Object.assign(found, { id: "qa-hints", hidden: true });
      found.setAttribute("role", "listbox");
      found.setAttribute("aria-label", "Fields");
      field.closest("#qa-query").append(found);  // beside the label, or it would be part of the name
      field.setAttribute("aria-autocomplete", "list");
      field.setAttribute("aria-controls", "qa-hints");
      field.setAttribute("autocomplete", "off");
    }
    return found;
  }
  function close(field) {
    hints = []; active = -1;
    list(field).hidden = true;
    field.removeAttribute("aria-activedescendant");
  }
  function mark(field, index) {
    active = index;
    [...list(field).children].forEach((option, at) => option.setAttribute("aria-selected", String(at === index)));
    if (index >= 0) {
      field.setAttribute("aria-activedescendant", `qa-hint-${index}`);
      list(field).children[index].scrollIntoView({ block: "nearest" });
    }
  }
  function offer(field) {
    const options = hints.map(({ field: name, holds }, index) => {
      const option = document.createElement("li"), what = document.createElement("strong"), why = document.createElement("span");
      option.id = `qa-hint-${index}`;
      option.setAttribute("role", "option");
      option.setAttribute("aria-selected", "false");
      what.textContent = name; why.textContent = holds;
      option.append(what, " ", why);
      option.addEventListener("mousedown", (event) => { event.preventDefault(); take(field, index); });
      return option;
    });
    list(field).replaceChildren(...options);
    list(field).hidden = !options.length;
    active = -1;
  }
  function take(field, index) {
    const before = field.value.slice(0, field.selectionStart), typed = NAME.exec(before)?.[1] ?? "";
    const start = before.length - typed.length, name = hints[index].field;
    const text = field.value.slice(0, start) + name + field.value.slice(field.selectionStart);
    const id = field.closest("#qa-query") ? "qa-query" : "qa-right";
    close(field);
    put(id, text);
    field.setSelectionRange(start + name.length, start + name.length);
  }
  async function complete(field) {
    const typed = NAME.exec(field.value.slice(0, field.selectionStart))?.[1] ?? "", api = currentApi(), number = ++asked;
    if (typed.length < 2 || !api) return close(field);
    try {
      const answer = await fetch(here(`api/fields?${new URLSearchParams({ api, typed })}`));
      if (!answer.ok || number !== asked || document.activeElement !== field) return;
      hints = (await answer.json()).filter((one) => one.field !== typed).slice(0, 8);
      offer(field);
    } catch { close(field); }
  }
  document.addEventListener("input", (event) => {
    if (!event.target.closest?.("#qa-query") || !event.isTrusted) return;
    clearTimeout(waiting);
    waiting = setTimeout(() => complete(event.target), 150);
  });
  document.addEventListener("keydown", (event) => {
    const field = event.target;
    if (!field.closest?.("#qa-query") || !hints.length) return;
    if (event.key === "Escape") close(field);
    else if (event.key === "ArrowDown") mark(field, (active + 1) % hints.length);
    else if (event.key === "ArrowUp") mark(field, (active + hints.length - 1) % hints.length);
    else if ((event.key === "Enter" || event.key === "Tab") && active >= 0) take(field, active);
    else return;
    event.preventDefault();
    event.stopImmediatePropagation();
  }, true);
  // Enter asks and runs; a new line takes Shift.
  document.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" || event.shiftKey || event.isComposing || event.defaultPrevented) return;
    const button = { "qa-question": "qa-ask", "qa-query": "qa-run" }[event.target.closest?.("#qa-question, #qa-query")?.id];
    if (!button) return;
    event.preventDefault();
    press(button);
  });
  document.addEventListener("focusout", (event) => {
    if (event.target.closest?.("#qa-query")) setTimeout(() => close(event.target), 150);
  });

  const ready = setInterval(() => {
    if (!document.getElementById("qa-history-list")) return;
    clearInterval(ready);
    document.documentElement.lang ||= "en";
    showHistory();
  }, 100);
})();
