// The rule of a selection, judged again while it is typed.
const form = document.querySelector("form.rule");
const field = document.getElementById("by");
let asked = 0;
let waiting;

async function judge() {
  const mine = ++asked;
  const address = `${form.dataset.judged}?by=${encodeURIComponent(field.value)}`;
  const answer = await fetch(address);
  if (mine !== asked) return; // a later rule has been typed meanwhile
  document.getElementById("selection").innerHTML = await answer.text();
  history.replaceState(null, "", `?by=${encodeURIComponent(field.value)}`);
}

field.addEventListener("input", () => {
  clearTimeout(waiting);
  waiting = setTimeout(() => judge().catch(() => {}), 150);
});
form.addEventListener("submit", (event) => {
  event.preventDefault();
  judge().catch(() => {});
});
