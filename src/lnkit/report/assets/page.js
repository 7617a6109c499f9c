// Sorts, filters and folds the tables of a page; print shows every row that passes the filter. Rows stay elements of the page: nothing here makes HTML from text.
"use strict";
const FEW = 10; // rows of a folded table
for (const table of document.querySelectorAll("table.sortable")) {
  const body = table.tBodies[0];
  const headers = [...table.tHead.rows[0].cells];
  const rows = [...body.rows].map((row) => ({
    row,
    cells: [...row.cells].map((cell) => cell.dataset.value ?? cell.textContent.trim()),
    text: row.textContent.toLowerCase(),
  }));
  const tools = document.createElement("div");
  tools.className = "tools";
  const count = document.createElement("span");
  count.className = "muted count";
  const search = document.createElement("input");
  search.type = "search";
  search.placeholder = "filter";
  search.setAttribute("aria-label", "Filter the rows of this table");
  tools.append(search);
  const choices = [];
  headers.forEach((header, column) => {
    if (header.dataset.choose === undefined) return;
    const values = [...new Set(rows.map((one) => one.cells[column]))].sort();
    if (values.length < 2) return;
    const select = document.createElement("select");
    select.setAttribute("aria-label", header.textContent.trim());
    select.append(new Option(`all: ${header.textContent.trim()}`, ""));
    for (const value of values) select.append(new Option(value, value));
    select.addEventListener("change", filter);
    choices.push({ select, column });
    tools.append(select);
  });
  tools.append(count);
  const scroll = table.closest(".scroll");
  scroll.before(tools);
  const more = document.createElement("button");
  more.type = "button";
  more.className = "more";
  more.setAttribute("aria-expanded", "false");
  more.addEventListener("click", () => {
    more.setAttribute("aria-expanded", more.getAttribute("aria-expanded") === "false");
    fold();
  });
  if (rows.length > FEW) scroll.after(more);
  if (rows.length <= FEW) tools.hidden = true;

  function filter() {
    const words = search.value.toLowerCase().split(/\s+/).filter(Boolean);
    let shown = 0;
    for (const one of rows) {
      const fits =
        words.every((word) => one.text.includes(word)) &&
        choices.every(({ select, column }) => select.selectedIndex === 0 || one.cells[column] === select.value);
      one.row.hidden = !fits;
      shown += fits;
    }
    count.textContent = `${shown} of ${rows.length} rows`;
    fold();
  }

  function fold() {
    const whole = more.getAttribute("aria-expanded") === "true";
    const fitting = [...body.rows].filter((row) => !row.hidden);
    fitting.forEach((row, place) => row.classList.toggle("folded", !whole && place >= FEW));
    more.hidden = fitting.length <= FEW;
    more.textContent = whole ? `Show the first ${FEW} rows` : `Show all ${fitting.length} rows`;
  }

  function sort(column) {
    const ascending = headers[column].getAttribute("aria-sort") !== "ascending";
    headers.forEach((header) => header.removeAttribute("aria-sort"));
    headers[column].setAttribute("aria-sort", ascending ? "ascending" : "descending");
    const numeric = headers[column].classList.contains("number");
    const sign = ascending ? 1 : -1;
    rows.sort((a, b) => {
      const [x, y] = [a.cells[column], b.cells[column]];
      if (!numeric) return sign * x.localeCompare(y, "en", { numeric: true });
      const [p, q] = [parseFloat(x), parseFloat(y)];
      if (Number.isNaN(p) || Number.isNaN(q)) return Number.isNaN(p) - Number.isNaN(q); // what is missing comes last
      return sign * (p - q);
    });
    const sorted = document.createDocumentFragment();
    for (const one of rows) sorted.append(one.row);
    body.append(sorted);
    fold();
  }

  headers.forEach((header, column) => {
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = header.firstChild.textContent; // behind it may be a link to a caveat
    button.title = "Sort by this column";
    button.addEventListener("click", () => sort(column));
    header.firstChild.replaceWith(button);
  });
  search.addEventListener("input", filter);
  filter();
}

// What is folded into details is printed too.
const folded = () => document.querySelectorAll("details:not([open])");
addEventListener("beforeprint", () => folded().forEach((one) => { one.open = true; one.dataset.printed = ""; }));
addEventListener("afterprint", () => document.querySelectorAll("details[data-printed]").forEach((one) => { one.open = false; delete one.dataset.printed; }));
