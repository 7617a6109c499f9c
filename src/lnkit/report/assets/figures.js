// Draws the figures of a page from their specifications, which lie in it as JSON. The interpreter needs no eval.
"use strict";
for (const place of document.querySelectorAll("figure[data-figure]")) {
  const spec = JSON.parse(document.getElementById(place.dataset.figure).textContent);
  vegaEmbed(place, spec, { actions: false, renderer: "svg", ast: true, tooltip: { theme: "light" } });
}
