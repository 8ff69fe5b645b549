// Lists the answers that the filters ask for. Texts of answers are only ever set as text, never as HTML; what is
// filtered stands behind the # of the address, so that a link shows the same.
"use strict";
const PAGE = 50;
const { systems, items } = JSON.parse(document.getElementById("data").textContent);
const form = document.getElementById("filters"), list = document.getElementById("list"), more = document.getElementById("more");
let found = [], drawn = 0;

const sorted = values => [...new Set(values)].sort();
const fill = (name, values) => { for (const value of values) form.elements[name].add(new Option(value, value)); };
fill("system", systems);
fill("other", systems);
fill("api", sorted(items.map(item => item.api)));
fill("set", sorted(items.map(item => item.set)));
fill("construct", sorted(items.flatMap(item => item.constructs)));
fill("error", sorted(items.flatMap(item => Object.values(item.answers).map(answer => answer.error)).filter(Boolean)));

function element(tag, text, kind) {
  const made = document.createElement(tag);
  made.textContent = text;
  if (kind) made.className = kind;
  return made;
}

const packed = document.getElementById("prompts").textContent;
let unpacked;  // a promise, made when the first prompt is opened

async function unpack() {
  const bytes = Uint8Array.from(atob(packed), sign => sign.charCodeAt(0));
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
  return JSON.parse(await new Response(stream).text());
}

function prompted(answer) {
  const made = document.createElement("details");
  made.append(element("summary", `prompt of ${answer.tokens} tokens, ${answer.prompt}`, "quiet"));
  made.addEventListener("toggle", async () => {
    const messages = (await (unpacked ??= unpack()))[answer.prompt] || [["", "This prompt was not kept."]];
    if (made.children.length === 1) made.append(...messages.flatMap(([role, text]) => [element("p", role, "quiet"), element("pre", text)]));
  });
  return made;
}

function answered(system, answer) {
  const made = document.createElement("div"), line = element("p", "", answer.right ? "right" : "wrong");
  const verdict = [answer.relation === "different" ? "" : answer.relation, answer.error].filter(Boolean).join(", ");
  line.append(element("b", answer.right ? "✓ right" : "✗ wrong"), ` ${system}: `, element("code", answer.answer || "no answer"));
  line.append(element("span", packed ? ` ${verdict}` : ` ${verdict}; prompt of ${answer.tokens} tokens, ${answer.prompt}`, "quiet"));
  made.append(line);
  if (answer.differences) {
    const why = document.createElement("ul");
    why.append(...answer.differences.map(text => element("li", text, "quiet")));
    made.append(why);
  }
  if (packed) made.append(prompted(answer));
  return made;
}

function entry(item, want) {
  const made = document.createElement("article"), gold = element("p", "wanted: ");
  gold.append(element("code", item.right));
  made.append(element("h3", item.instruction), element("p", [item.api, item.set, item.id, ...item.constructs].join(", "), "quiet"), gold);
  const beside = want.other === "*" ? systems.filter(name => name !== want.system) : [want.other];
  for (const name of [want.system, ...beside]) if (item.answers[name]) made.append(answered(name, item.answers[name]));
  return made;
}

function compared(own, others, kind) {
  if (kind === "right") return own.right;
  if (kind === "wrong") return !own.right;
  if (kind === "gained") return own.right && others.some(answer => !answer.right);
  return kind !== "lost" || (!own.right && others.some(answer => answer.right));
}

function wanted(item, want) {
  const own = item.answers[want.system];
  const others = Object.entries(item.answers).filter(([name]) => name !== want.system && (want.other === "*" || name === want.other));
  if (!own || (want.api && item.api !== want.api) || (want.set && item.set !== want.set)) return false;
  if ((want.error && own.error !== want.error) || (want.construct && !item.constructs.includes(want.construct))) return false;
  const text = `${item.instruction} ${item.right} ${own.answer || ""}`.toLowerCase();
  return text.includes(want.words.toLowerCase()) && compared(own, others.map(([, answer]) => answer), want.kind);
}

function draw(want) {
  list.append(...found.slice(drawn, drawn + PAGE).map(item => entry(item, want)));
  drawn = Math.min(found.length, drawn + PAGE);
  more.hidden = drawn === found.length;
}

const want = () => Object.fromEntries(new FormData(form));

function filter() {
  const now = want(), asked = items.filter(item => item.answers[now.system]).length;
  [found, drawn] = [items.filter(item => wanted(item, now)), 0];
  list.replaceChildren();
  draw(now);
  document.getElementById("count").textContent = `${found.length} of ${asked} questions`;
}

function remember() {
  const chosen = Object.entries(want()).filter(([name, value]) => value && !(name === "system" && value === systems[0]));
  history.replaceState(null, "", "#" + (new URLSearchParams(chosen).toString() || "answers"));
}

for (const [name, value] of new URLSearchParams(location.hash.slice(1))) {
  if (form.elements[name]) form.elements[name].value = value;
}
form.addEventListener("input", () => { filter(); remember(); });
form.addEventListener("submit", event => event.preventDefault());
more.addEventListener("click", () => {
  const next = drawn;
  draw(want());
  const heading = list.children[next].querySelector("h3");  // the keyboard goes on where the list was cut
  heading.tabIndex = -1;
  heading.focus();
});
filter();
