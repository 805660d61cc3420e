(() => {
  "use strict";
  // Sorting: a click on a heading, or Enter on it; numbers where a cell gives one, else text in the reader's order.
  for (const table of document.querySelectorAll("table.rows")) {
    const body = table.tBodies[0];
    table.querySelectorAll("thead th").forEach((head, column) => {
      head.tabIndex = 0;
      head.setAttribute("aria-sort", "none");
      const sort = () => {
        const up = head.getAttribute("aria-sort") !== "ascending";
        table.querySelectorAll("thead th").forEach((other) => other.setAttribute("aria-sort", "none"));
        head.setAttribute("aria-sort", up ? "ascending" : "descending");
        const key = (row) => row.cells[column].dataset.sort;
        const text = (row) => row.cells[column].textContent;
        const rows = Array.from(body.rows);
        rows.sort((a, b) => {
          const order = key(a) !== undefined ? Number(key(a)) - Number(key(b)) : text(a).localeCompare(text(b), undefined, { numeric: true });
          return up ? order : -order;
        });
        body.append(...rows);
      };
      head.addEventListener("click", sort);
      head.addEventListener("keydown", (event) => { if (event.key === "Enter") sort(); });
    });
  }
  const table = document.getElementById("findings");
  if (!table) return;
  const tools = document.querySelector(".tools");
  tools.hidden = false;
  const filter = document.getElementById("filter");
  const checked = (id) => { const box = document.getElementById(id); return Boolean(box && box.checked); };
  const rows = Array.from(table.tBodies[0].rows).map((row) => ({ row, text: row.textContent.toLowerCase() }));
  const apply = () => {
    const words = filter.value.toLowerCase().split(/\s+/).filter(Boolean);
    const levels = new Set(Array.from(tools.querySelectorAll(".level:checked"), (box) => box.value));
    const fixable = checked("fixable"), own = checked("own"), suppressed = checked("suppressed");
    let shown = 0;
    for (const { row, text } of rows) {
      const data = row.dataset;
      const fits = levels.has(data.level) && (!fixable || data.fix === "1") && (!own || data.origin === "own")
        && (suppressed || data.suppressed === "0") && words.every((word) => text.includes(word));
      row.hidden = !fits;
      if (fits) shown += 1;
    }
    document.getElementById("shown").textContent = shown + " of " + rows.length;
  };
  tools.addEventListener("input", apply);
  apply();
})();
