"use strict";
{
  const root = document.documentElement;
  const asked = new URLSearchParams(location.search);
  const one = (selector, of = document) => of.querySelector(selector);
  const all = (selector, of = document) => [...of.querySelectorAll(selector)];

  const runs = all(".run");
  const first = runs[0];
  const rows = new Map(runs.map((run) => [run, all(".row", run)]));
  const race = (run) => Number(run.dataset.race);
  const last = (run) => rows.get(run).length - 1;
  const name = (run) => one("h2", run).textContent;

  // For each position of the cursor: the row of the first run, and of the run beside it.
  const positions = (other) => {
    if (!other) return rows.get(first).map((_, row) => [row]);
    const pairs = other.dataset.positions.split(" ").map((pair) => pair.split(":").map(Number));
    const checks = Math.max(...[first, other].map((run) => last(run) - race(run)));
    for (let check = 1; check <= checks; check += 1) {
      pairs.push([first, other].map((run) => Math.min(race(run) + check, last(run))));
    }
    return pairs;
  };

  let other;
  let places = positions();
  let at = 0;

  const mark = (run, row) => {
    for (const it of rows.get(run)) {
      const step = one(".step", it);
      it.classList.remove("current");
      step.removeAttribute("aria-current");
      step.tabIndex = -1;
      one(".state", it).open = false;
    }
    const now = rows.get(run)[row];
    now.classList.add("current");
    one(".step", now).setAttribute("aria-current", "step");
    one(".step", now).tabIndex = 0;
    one(".state", now).open = true;
    one(".panel", run).replaceChildren(...[...one(".state", now).children].slice(1).map((it) => it.cloneNode(true)));
  };

  // What the step says, and what it breaks.
  const say = (run, row, before) => {
    const now = rows.get(run)[row];
    const line = document.createElement("p");
    const number = one(".number", now)?.textContent;
    const where = other ? `${name(run)}${number ? `, step ${number}` : ""}: ` : number ? `Step ${number} of ${first.dataset.last}: ` : "";
    if (row === before) {
      line.textContent = `${name(run)}: no step here.`;
      return [line];
    }
    line.textContent = where + one(".said", now).textContent;
    const broken = all(".broken, .shown", now).map((it) => {
      const text = document.createElement("p");
      text.className = it.classList.contains("broken") ? "bad" : "";
      text.textContent = it.textContent;
      return text;
    });
    return [line, ...broken];
  };

  const show = () => {
    const shown = other ? [first, other] : [first];
    const before = places[at - 1] ?? [];
    const said = shown.flatMap((run, it) => {
      mark(run, places[at][it]);
      return say(run, places[at][it], before[it]);
    });
    one("#status").replaceChildren(...said);
    root.style.setProperty("--bar", `${one(".bar").offsetHeight}px`);
    for (const button of all("[data-go]")) {
      const back = ["first", "back"].includes(button.dataset.go);
      button.setAttribute("aria-disabled", String(at === (back ? 0 : places.length - 1)));
    }
  };

  const go = (to, scrolls = true) => {
    const focused = document.activeElement?.closest(".run");
    at = Math.max(0, Math.min(to, places.length - 1));
    show();
    const it = focused && !focused.hidden ? focused : first;
    const current = one(".current > .step", it);
    if (focused) current.focus({ preventScroll: true });
    if (scrolls) current.scrollIntoView({ block: "nearest" });
  };

  const steps = { first: () => 0, back: () => at - 1, forward: () => at + 1, last: () => places.length - 1 };
  const keys = { ArrowLeft: "back", ArrowRight: "forward", Home: "first", End: "last" };
  // In the diagram, the other arrows work too. Elsewhere they scroll.
  const keysOfSteps = { ArrowUp: "back", ArrowDown: "forward" };

  const beside = (id) => {
    const row = places[at][0];
    other = runs.slice(1).find((run) => run.id === id);
    for (const run of runs) run.hidden = run !== first && run !== other;
    root.classList.toggle("two", Boolean(other));
    places = positions(other);
    at = Math.max(0, places.findIndex(([ours]) => ours === row));
    one("#other").value = other ? id : "";
    show();
  };

  for (const button of all("[data-go]")) {
    button.addEventListener("click", () => go(steps[button.dataset.go]()));
  }
  for (const run of runs) {
    rows.get(run).forEach((it, row) => {
      one(".step", it).addEventListener("click", (event) => {
        event.preventDefault();
        go(places.findIndex((place) => place[run === first ? 0 : 1] === row), false);
      });
    });
  }
  one("#other").addEventListener("change", (event) => beside(event.target.value));
  document.addEventListener("keydown", (event) => {
    if (event.altKey || event.ctrlKey || event.metaKey || event.shiftKey) return;
    if (event.target.matches("select, input")) return;
    const step = keys[event.key] ?? (event.target.matches(".step") ? keysOfSteps[event.key] : undefined);
    if (!step) return;
    event.preventDefault();
    go(steps[step]());
  });

  const dark = matchMedia("(prefers-color-scheme: dark)");
  const themes = all("button[data-theme]");
  const theme = (value) => {
    if (value) root.dataset.theme = value;
    const now = root.dataset.theme ?? (dark.matches ? "dark" : "light");
    for (const button of themes) button.setAttribute("aria-pressed", String(button.dataset.theme === now));
  };
  for (const button of themes) button.addEventListener("click", () => theme(button.dataset.theme));
  dark.addEventListener("change", () => theme());

  // `?theme=dark&beside=cas&step=10` in the address.
  theme(["light", "dark"].find((value) => value === asked.get("theme")));
  root.classList.add("scripted");
  for (const hidden of all(".bar, .themes, .panel")) hidden.hidden = false;
  beside(asked.get("beside") ?? first.dataset.beside);
  const wanted = places.findIndex(([row]) => one(".number", rows.get(first)[row])?.textContent === asked.get("step"));
  if (wanted > 0) go(wanted, false);
}
