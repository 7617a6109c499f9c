// Draws the figures of a page from their specifications, which lie in it as JSON. The interpreter needs no eval.
"use strict";
// Colors of the page for those of a figure, so that it follows dark mode and print.
const PAGE_COLORS = { "#000000": "--ink", "#222222": "--text", "#595959": "--muted", "#e6e6e6": "--line", "#cccccc": "--line", white: "--back" };
const THEME = {
  background: "transparent",
  font: "system-ui, -apple-system, Segoe UI, Roboto, sans-serif",
  axis: { labelColor: "var(--text)", titleColor: "var(--text)", domainColor: "var(--muted)", tickColor: "var(--muted)", gridColor: "var(--line)", labelFontSize: 12, titleFontSize: 13, titleFontWeight: "normal", labelLimit: 240 },
  legend: { labelColor: "var(--text)", titleColor: "var(--text)", labelFontSize: 12, titleFontSize: 12, labelLimit: 240 },
  title: { color: "var(--text)", subtitleColor: "var(--muted)", fontSize: 15, subtitleFontSize: 12 },
  view: { stroke: "var(--line)" },
};

function draw(chart, spec, label) {
  const text = JSON.stringify({ ...spec, background: "transparent", config: THEME }, (_, value) =>
    Object.hasOwn(PAGE_COLORS, value) ? `var(${PAGE_COLORS[value]})` : value,
  );
  if (label) chart.setAttribute("aria-label", label);
  const inside = document.createElement("div"); // Vega gives it a role and a label of its own
  chart.replaceChildren(inside);
  vegaEmbed(inside, JSON.parse(text), { actions: false, renderer: "svg", ast: true, tooltip: { theme: "light" } });
}

for (const place of document.querySelectorAll("figure[data-figures]")) {
  draw(place.querySelector(".chart"), JSON.parse(document.getElementById(place.dataset.figures).textContent));
}
