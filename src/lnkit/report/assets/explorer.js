// The figure of the report: readers choose what it shows. Names go into the page as text, never as HTML.
"use strict";
for (const place of document.querySelectorAll("figure[data-explorer]")) {
  const data = JSON.parse(document.getElementById(place.dataset.explorer).textContent);
  const [chart, caption] = [place.querySelector(".chart"), place.querySelector("figcaption")];
  caption.setAttribute("aria-live", "polite");
  const tools = document.createElement("div");
  tools.className = "tools";
  place.before(tools);
  const [figure, benchmark, score, axis, origin] = ["figure", "benchmark", "score", "axis", "data"].map((name) => {
    const label = document.createElement("label");
    const select = document.createElement("select");
    label.append(`${name} `, select);
    select.addEventListener("change", update);
    tools.append(label);
    return select;
  });
  const names = (list) => [...new Set(list)].map((name) => [name, name]);
  offer(figure, [["", "one score"], ...names(Object.keys(data.views))]);
  offer(benchmark, names(data.scores.map((one) => one.benchmark)));
  update();

  function offer(select, entries) {
    const before = select.value;
    select.replaceChildren(...entries.map(([value, text]) => new Option(text, value)));
    if (entries.some(([value]) => value === before)) select.value = before;
    select.disabled = entries.length < 2;
  }

  function update() {
    const view = data.views[figure.value];
    for (const select of [benchmark, score, axis, origin]) select.parentElement.hidden = Boolean(view);
    if (view) return show(view.spec, view.title, [view.notes], []);
    offer(score, names(data.scores.filter((one) => one.benchmark === benchmark.value).map((one) => one.score)));
    const facts = { ...data.scores.find((one) => one.benchmark === benchmark.value && one.score === score.value) };
    let rows = data.rows.filter((row) => row.benchmark === benchmark.value && row.score === score.value);
    offer(origin, sources(rows));
    rows = rows.filter((row) => (origin.value ? row.setting === origin.value : row.comparable));
    facts.doubt &&= rows.some((row) => row.origin !== "own");
    const known = Object.keys(data.axes).filter((name) => rows.some((row) => data.attributes[name][row.loss_network] !== undefined));
    offer(axis, [["", "extraction point"], ...known.map((name) => [name, data.axes[name].title])]);
    const grouped = !axis.value || data.axes[axis.value].flag;
    const values = axis.value ? withAttribute(rows, facts) : rows;
    const spec = grouped ? boxes(spread(values), facts) : scatter(values, facts);
    show(spec, title(values, facts), remarks(values, facts), warnings(values, facts));
  }

  // The settings that have the score; "" stands for everything that is comparable with published scores.
  function sources(rows) {
    const settings = data.settings.filter((name) => rows.some((row) => row.setting === name));
    const of = (name) => rows.find((row) => row.setting === name);
    const several = settings.filter((name) => of(name).comparable).length > 1;
    const words = (row) => (row.origin === "own" ? `own: ${row.setting}${row.comparable ? "" : " (not comparable with published scores)"}` : row.setting);
    return [...(several ? [["", "published and comparable own"]] : []), ...settings.map((name) => [name, words(of(name))])];
  }

  function withAttribute(rows, facts) {
    const { more, flag } = data.axes[axis.value];
    const known = rows.map((row) => ({ ...row, x: data.attributes[axis.value][row.loss_network] })).filter((row) => row.x !== undefined);
    if (flag || facts.doubt) return known;
    const good = (row) => (facts.higher ? row.value : -row.value);
    const cost = (row) => (more ? -row.x : row.x);
    const best = {}; // of each setting
    for (const row of [...known].sort((a, b) => cost(a) - cost(b) || good(b) - good(a))) {
      if (good(row) <= best[row.setting]) continue;
      best[row.setting] = good(row);
      row.front = true;
    }
    nameApart(known.filter((row) => row.front), known);
    return known;
  }

  // Names on the front that would stand on one another are left to the caption.
  function nameApart(front, all) {
    const values = all.map((row) => row.value);
    const height = 340 / (Math.max(...values) - Math.min(...values) || 1);
    let last = NaN;
    for (const row of front.sort((a, b) => b.value - a.value)) {
      if (Math.abs(row.value - last) * height < 13) continue;
      row.named = true;
      last = row.value;
    }
  }

  // Backbones side by side, each at the same place in every group: at each point, or where a flag is set.
  function spread(rows) {
    const backbones = [...new Set(rows.map((row) => row.backbone))];
    const place = (row) => (2 * (backbones.indexOf(row.backbone) + 0.5)) / backbones.length - 1;
    return rows.map((row) => ({ ...row, place: place(row), group: axis.value ? (row.x ? "yes" : "no") : row.point }));
  }

  function marks(rows, encoding) {
    const kinds = [
      [(row) => row.origin !== "own", { filled: true, stroke: "white", strokeWidth: 0.7 }],
      [(row) => row.origin === "own", { filled: false, fill: "white", strokeWidth: 1.8 }],
    ];
    return kinds
      .map(([wanted, mark]) => ({ data: { values: rows.filter(wanted) }, mark: { type: "point", opacity: 1, ...mark }, encoding: { ...encoding, tooltip: data.tooltips } }))
      .filter((layer) => layer.data.values.length);
  }

  function intervals(rows, encoding) {
    const known = rows.filter((row) => row.low !== null && row.high !== null);
    return known.length ? [{ data: { values: known }, mark: { type: "rule", color: "#595959" }, encoding: { ...encoding, y: { ...encoding.y, field: "low" }, y2: { field: "high" } } }] : [];
  }

  function legends(looks) {
    const columns = Math.max(2, Math.floor(chart.clientWidth / 150));
    return Object.fromEntries(Object.entries(looks).map(([name, look]) => [name, { ...look, legend: { orient: "bottom", columns } }]));
  }

  function vertical(facts) {
    return { field: "value", type: "quantitative", title: facts.title, scale: { zero: false, padding: 14 } };
  }

  function scatter(rows, facts) {
    const { title, log, more } = data.axes[axis.value];
    const logarithmic = log && rows.every((row) => row.x > 0);
    const x = { field: "x", type: "quantitative", title: title + (logarithmic ? " (logarithmic)" : ""), scale: range(rows, logarithmic, more) };
    x.axis = { format: "~s", tickCount: 5, titleLimit: chart.clientWidth - 70 };
    const place = { x, y: vertical(facts) };
    const front = rows.filter((row) => row.front);
    const text = { type: "text", align: more ? "left" : "right", dx: more ? 8 : -8, fontSize: 11, limit: nameWidth(), color: "#222222" };
    const layer = [
      ...(front.length ? [{ data: { values: front }, mark: { type: "line", color: "#595959", strokeDash: [5, 3], strokeWidth: 1.2 }, encoding: { ...place, order: { field: "x" }, detail: { field: "setting" } } }] : []),
      ...intervals(rows, place),
      ...marks(rows, { ...place, ...legends(data.looks.point) }),
      ...(front.length ? [{ data: { values: front.filter((row) => row.named) }, mark: text, encoding: { ...place, text: { field: "loss_network" } } }] : []),
    ];
    return { width: "container", height: 340, layer };
  }

  function nameWidth() {
    return chart.clientWidth < 600 ? 118 : 180;
  }

  // Room for names on the side of the front, whose best loss networks stand at the edge.
  function range(rows, logarithmic, more) {
    const values = rows.map((row) => (logarithmic ? Math.log10(row.x) : row.x));
    const [low, high] = [Math.min(...values), Math.max(...values)];
    const room = nameWidth() + 12;
    const pixel = (high - low || Math.abs(low) || 1) / Math.max(chart.clientWidth - room - 80, 100);
    const [left, right] = more ? [20, room] : [room, 20];
    const ends = [low - left * pixel, high + right * pixel];
    return { domain: logarithmic ? ends.map((end) => 10 ** end) : ends, nice: false, ...(logarithmic ? { type: "log" } : { zero: false }) };
  }

  function boxes(rows, facts) {
    const title = axis.value ? data.axes[axis.value].title : "extraction point";
    const order = (axis.value ? ["no", "yes"] : data.points).filter((name) => rows.some((row) => row.group === name));
    const x = { field: "group", type: "nominal", title, sort: order, axis: { labelAngle: 0 } };
    const place = { x, y: vertical(facts), xOffset: { field: "place", type: "quantitative", scale: { domain: [-1.3, 1.3] } } };
    const many = rows.filter((row) => rows.filter((other) => other.group === row.group).length >= data.boxed);
    const size = 0.6 * (chart.clientWidth / (order.length + 1));
    const box = { type: "boxplot", size, color: "#88888844", outliers: false, median: { color: "#595959" }, rule: { color: "#595959" } };
    const layer = [
      ...(many.length ? [{ data: { values: many }, mark: box, encoding: { x, y: place.y } }] : []),
      ...intervals(rows, place),
      ...marks(rows, { ...place, ...legends(axis.value ? data.looks.point : data.looks.family) }),
    ];
    return { width: "container", height: 340, layer };
  }

  function title(rows, facts) {
    const chosen = data.axes[axis.value];
    const by = chosen ? `${chosen.flag ? "by whether the backbone" : "against"} ${chosen.title}` : "at each extraction point";
    return `${facts.benchmark}: ${facts.title} ${by}, ${origin.selectedOptions[0].text}, ${rows.length} loss network${rows.length === 1 ? "" : "s"}.`;
  }

  function remarks(rows, facts) {
    const extreme = (facts.higher ? Math.max : Math.min)(...rows.map((row) => row.value));
    const best = rows.filter((row) => row.value === extreme);
    const front = rows.filter((row) => row.front).sort((a, b) => a.x - b.x).map((row) => row.loss_network);
    const boxed = (!axis.value || data.axes[axis.value].flag) && rows.length >= data.boxed;
    return [
      ...(rows.length > 1 && !facts.doubt ? [`Best value: ${best.map((row) => row.loss_network).join(", ")}, ${best[0].value_text}.`] : []),
      ...(front.length ? [`Dashed: the Pareto front, ${front.join(", ")}.`] : []),
      ...(boxed ? [`Boxes: quartiles of ${data.boxed} values or more, with the median.`] : []),
      ...(new Set(rows.map((row) => row.origin)).size > 1 ? ["Filled: published. Hollow: own."] : []),
    ];
  }

  function warnings(rows, facts) {
    return ["own", "published"].flatMap((name) => (rows.some((row) => row.origin === name) ? facts.caveats[name] : []));
  }

  function show(spec, heading, notes, caveats) {
    const line = (text, kind) => Object.assign(document.createElement("p"), { textContent: text, className: kind });
    caption.replaceChildren(line([heading, ...notes].join(" "), ""), ...caveats.map((text) => line(text, "caveat")));
    draw(chart, spec, [heading, ...notes, ...caveats].join(" "));
  }
}
