// Every five seconds, while somebody looks, the parts that change are fetched
// anew and put in place. Keyboard focus and marked text are left alone.
setInterval(async () => {
  const main = document.querySelector("main");
  if (document.hidden || main.contains(document.activeElement) || String(getSelection())) return;
  const note = document.getElementById("note");
  try {
    const answer = await fetch("/", { cache: "no-store" });
    if (!answer.ok) throw new Error(answer.status);
    const fresh = new DOMParser().parseFromString(await answer.text(), "text/html").querySelector("main");
    if (fresh.innerHTML !== main.innerHTML) main.replaceChildren(...fresh.childNodes);
    note.textContent = "";
  } catch {
    note.textContent = "Rouse does not answer; what you see is old.";
  }
}, 5000);
