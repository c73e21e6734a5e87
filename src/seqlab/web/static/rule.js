// The rule of a selection, judged again while it is typed.
import { show } from "/static/page.js";

const form = document.querySelector("form.rule");
const field = document.getElementById("by");
let asked = 0;
let waiting;

async function judge() {
  const mine = ++asked;
  const address = `${form.dataset.judged}?by=${encodeURIComponent(field.value)}`;
  const found = document.createElement("div");
  await show(found, address);
  if (mine !== asked) return; // a later rule has been typed meanwhile
  document.getElementById("selection").replaceChildren(...found.childNodes);
  history.replaceState(null, "", `?by=${encodeURIComponent(field.value)}`);
}

field.addEventListener("input", () => {
  clearTimeout(waiting);
  waiting = setTimeout(judge, 150);
});
form.addEventListener("submit", (event) => {
  event.preventDefault();
  judge();
});
