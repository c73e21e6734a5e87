// The command of a fork, as its form is filled in.
const form = document.querySelector("form.fork");
const quoted = (word) => (/^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`);

function show() {
  const step = document.getElementById("step").value;
  const changes = document.getElementById("changes").value.split(/\s+/).filter(Boolean);
  const from = quoted(form.dataset.run + (step ? `@${step}` : ""));
  document.getElementById("fork-command").textContent = ["seqlab fork", from, ...changes.map(quoted)].join(" ");
}

form?.addEventListener("input", show);
form?.addEventListener("submit", (event) => event.preventDefault());
