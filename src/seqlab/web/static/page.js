// What every page does: keys, the choice of runs for a comparison, light and dark, parts that are loaded later or again.

const CHOSEN = "chosen";
const MOST = 50;
const GO = { j: "/", r: "/runs", l: "/live", s: "/sweeps" };

const chosen = () => JSON.parse(sessionStorage.getItem(CHOSEN) || "[]");

function choose(name, yes) {
  const kept = chosen().filter((one) => one !== name);
  sessionStorage.setItem(CHOSEN, JSON.stringify(yes ? [...kept, name].slice(-MOST) : kept));
  showChosen();
}

function showChosen() {
  const names = chosen();
  for (const box of document.querySelectorAll("input.choose")) {
    box.checked = names.includes(box.closest("[data-run]").dataset.run);
  }
  const tray = document.getElementById("tray");
  tray.hidden = names.length === 0;
  tray.replaceChildren(`${names.length} chosen: ${names.slice(0, 6).join(", ")}${names.length > 6 ? " ..." : ""}`);
  const compare = Object.assign(document.createElement("a"), { href: comparison(names), textContent: "Compare (c)" });
  const none = Object.assign(document.createElement("button"), { type: "button", textContent: "None" });
  none.addEventListener("click", () => {
    sessionStorage.removeItem(CHOSEN);
    showChosen();
  });
  tray.append(...(names.length > 1 ? [compare] : []), none);
}

const comparison = (names) => `/compare?${names.map((name) => `run=${encodeURIComponent(name)}`).join("&")}`;

// Where one is in a list, moved by j and k.
const items = () => [...document.querySelectorAll(".item")];
const here = () => document.querySelector(".item.here");

function move(by) {
  const list = items();
  if (!list.length) return;
  const now = list.indexOf(here());
  const next = list[Math.min(Math.max(now + by, 0), list.length - 1)];
  here()?.classList.remove("here");
  next.classList.add("here");
  next.focus({ preventScroll: true });
  next.scrollIntoView({ block: "nearest" });
}

let going = false;

function onKey(event) {
  const typing = event.target.closest("input:not([type=checkbox]):not([type=range]), textarea, select");
  if (event.key === "Escape" && typing) event.target.blur();
  if (typing || event.ctrlKey || event.metaKey || event.altKey || document.querySelector("dialog[open]")) return;
  if (going) {
    going = false;
    if (GO[event.key]) location.href = GO[event.key];
    return;
  }
  const name = here()?.dataset.run;
  if (event.key === "j") move(1);
  else if (event.key === "k") move(-1);
  else if (event.key === "Enter" && here()?.dataset.href && event.target === here()) location.href = here().dataset.href;
  else if (event.key === "x" && name) choose(name, !chosen().includes(name));
  else if (event.key === "c" && chosen().length > 1) location.href = comparison(chosen());
  else if (event.key === "g") going = true;
  else if (event.key === "/") document.getElementById("q")?.focus();
  else if (event.key === "?") document.getElementById("help").showModal();
  else return;
  event.preventDefault();
}

document.addEventListener("keydown", onKey);
document.addEventListener("change", (event) => {
  if (event.target.matches("input.choose")) choose(event.target.closest("[data-run]").dataset.run, event.target.checked);
});
document.getElementById("keys").addEventListener("click", () => document.getElementById("help").showModal());
document.getElementById("theme").addEventListener("click", () => {
  const root = document.documentElement;
  root.dataset.theme = root.dataset.theme === "dark" ? "light" : "dark";
  localStorage.setItem("theme", root.dataset.theme);
  document.dispatchEvent(new Event("themechange"));
});

// Parts of the page that take longer than the rest, and parts that change: HTML of this server, every value escaped there.
async function load(element, address) {
  const answer = await fetch(address);
  if (!answer.ok) throw new Error(`the server answered ${answer.status}`);
  element.innerHTML = await answer.text();
}

// The same for a part that is asked for once, or whose question was changed: a failure stands in its place.
export function show(element, address) {
  return load(element, address).catch((error) => {
    const told = document.createElement("p");
    told.className = "problem";
    told.setAttribute("role", "alert");
    told.textContent = `This part could not be loaded: ${error.message}.`;
    element.replaceChildren(told);
  });
}

for (const part of document.querySelectorAll("[data-part]")) show(part, part.dataset.part);
for (const part of document.querySelectorAll("[data-open]")) {
  part.addEventListener("toggle", () => show(part.querySelector("div"), part.dataset.open), { once: true });
}
for (const part of document.querySelectorAll("[data-again]")) {
  setInterval(() => {
    if (!document.hidden && !part.contains(document.activeElement)) load(part, part.dataset.again).catch(() => {});
  }, 1000);
}

// A run without a measurement: its page is made anew when the first one is there.
for (const part of document.querySelectorAll("[data-until-measured]")) {
  setInterval(async () => {
    const answer = await fetch(part.dataset.untilMeasured).catch(() => null);
    if (answer?.ok && (await answer.json()).lines.some((line) => "step" in line)) location.reload();
  }, 1000);
}
showChosen();
