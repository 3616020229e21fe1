"use strict";
// Everything below is convenience: without it the page says the same. Nothing is ever written into the page as HTML.
(() => {
  const root = document.documentElement;
  const theme = document.getElementById("theme");
  const prefersDark = matchMedia("(prefers-color-scheme: dark)");
  const isDark = () => (root.dataset.theme ?? (prefersDark.matches ? "dark" : "light")) === "dark";
  const tell = () => {
    theme.textContent = isDark() ? "Light" : "Dark";
    theme.setAttribute("aria-label", isDark() ? "Show in light colours" : "Show in dark colours");
    theme.setAttribute("aria-pressed", String("theme" in root.dataset));
  };
  theme.hidden = false;
  theme.addEventListener("click", () => {
    root.dataset.theme = isDark() ? "light" : "dark";
    tell();
  });
  prefersDark.addEventListener("change", tell);
  tell();

  const number = (text) => (text === "" || text === "-" ? NaN : Number(text.replaceAll(",", "")));
  const compared = (a, b) => {
    const [x, y] = [number(a), number(b)];
    if (!Number.isNaN(x) && !Number.isNaN(y)) return x - y;
    return a.localeCompare(b, "en", { numeric: true });
  };
  const isBlank = (text) => text === "" || text === "-";

  const makeSortable = (table) => {
    const heads = [...table.tHead.rows[0].cells];
    const body = table.tBodies[0];
    table.classList.add("live");
    heads.forEach((head, column) => {
      head.firstElementChild.addEventListener("click", () => {
        const isFirst = head.getAttribute("aria-sort") === "none";
        // Numbers begin with the largest, words with the first.
        const isUp = isFirst ? !head.classList.contains("n") : head.getAttribute("aria-sort") === "descending";
        for (const other of heads) other.setAttribute("aria-sort", "none");
        head.setAttribute("aria-sort", isUp ? "ascending" : "descending");
        const rows = [...body.rows].map((row) => [row.cells[column].textContent.trim(), row]);
        rows.sort(([a], [b]) => {
          if (isBlank(a) || isBlank(b)) return isBlank(a) - isBlank(b); // what is not known stands last, either way
          return isUp ? compared(a, b) : compared(b, a);
        });
        body.append(...rows.map(([, row]) => row));
      });
    });
  };

  const makeFilterable = (section, table) => {
    const controls = section.querySelector(".controls");
    const [search, choice, output] = ["input", "select", "output"].map((name) => controls.querySelector(name));
    const rows = [...table.tBodies[0].rows].map((row) => ({
      row,
      text: [...row.cells].map((cell) => cell.textContent).join("\n").toLowerCase(),
      kinds: (row.dataset.show ?? "").split(" "),
    }));
    const filter = () => {
      const words = search.value.toLowerCase().split(/\s+/).filter(Boolean);
      let shown = 0;
      for (const { row, text, kinds } of rows) {
        const fits = (choice.value === "" || kinds.includes(choice.value)) && words.every((word) => text.includes(word));
        row.hidden = !fits;
        shown += fits;
      }
      output.textContent = shown === rows.length ? `${rows.length.toLocaleString("en")} shown` : `${shown.toLocaleString("en")} of ${rows.length.toLocaleString("en")} shown`;
    };
    controls.hidden = false;
    search.addEventListener("input", filter);
    choice.addEventListener("input", filter);
    filter();
  };

  for (const section of document.querySelectorAll("section.listing")) {
    const table = section.querySelector("table.rows");
    if (table === null) continue;
    makeSortable(table);
    makeFilterable(section, table);
  }
})();
