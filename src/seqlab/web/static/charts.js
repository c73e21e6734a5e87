// Curves: zoom by dragging, a cross-hair, logarithmic axes, smoothing over the raw data, bands over seeds, lines that arrive.

const COLOURS = ["#4477aa", "#ee6677", "#228833", "#b8860b", "#2aa5c7", "#aa3377", "#777777", "#994f00"];
const DASHES = [[], [6, 3], [2, 2]];
const SMOOTH = [1, 3, 5, 10, 20, 50, 100, 200, 500];
const EVERY = 500; // milliseconds between two looks for new lines

const colour = (index) => COLOURS[index % COLOURS.length];
const style = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

function figure(value) {
  if (value === null || value === undefined) return "";
  const size = Math.abs(value);
  if (size !== 0 && (size < 1e-4 || size >= 1e7)) return value.toExponential(2);
  return size >= 1000 ? Math.round(value).toLocaleString("en") : String(Number(value.toPrecision(4)));
}

function swatch(index) {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  for (const [name, value] of Object.entries({ width: 18, height: 10, "aria-hidden": "true" })) svg.setAttribute(name, value);
  const line = document.createElementNS("http://www.w3.org/2000/svg", "path");
  const dashes = DASHES[Math.floor(index / COLOURS.length) % DASHES.length].join(" ");
  const look = { d: "M0 5h18", stroke: colour(index), "stroke-width": 2.5, "stroke-dasharray": dashes };
  for (const [name, value] of Object.entries(look)) line.setAttribute(name, value);
  svg.append(line);
  return svg;
}

// Columns of all curves over the union of their places, as uPlot wants them.
const joined = (tables) => (tables.length === 1 ? tables[0] : uPlot.join(tables));

class Chart {
  constructor(figure) {
    this.figure = figure;
    this.plot = figure.querySelector(".plot");
    this.hidden = new Set();
    this.window = null;
    for (const name of ["metric", "axis", "smooth", "seeds"]) {
      this.control(name)?.addEventListener("change", () => this.reload(name !== "smooth" && name !== "seeds"));
    }
    for (const name of ["logx", "logy"]) this.control(name)?.addEventListener("change", () => this.draw());
    this.control("whole")?.addEventListener("click", () => this.reload(true));
    document.addEventListener("themechange", () => this.draw());
    new ResizeObserver(() => this.resize()).observe(this.plot);
    this.reload(true);
  }

  control(name) {
    return this.figure.querySelector(`.${name}`);
  }

  get smooth() {
    return SMOOTH[Number(this.control("smooth")?.value || 0)];
  }

  address() {
    const { source, metric, x } = this.figure.dataset;
    const asked = new URLSearchParams({
      metric: this.control("metric")?.value || metric,
      x: this.control("axis")?.value || x,
      smooth: this.smooth,
      points: Math.max(400, Math.round(this.plot.clientWidth * 2)),
    });
    if (this.control("seeds")?.checked) asked.set("band", "seeds");
    if (this.window) {
      asked.set("from", this.window[0]);
      asked.set("to", this.window[1]);
    }
    return `${source}${source.includes("?") ? "&" : "?"}${asked}`;
  }

  async reload(whole) {
    if (whole) this.window = null;
    if (this.control("whole")) this.control("whole").hidden = !this.window;
    const mine = (this.asked = (this.asked || 0) + 1);
    const answer = await fetch(this.address()).catch(() => null);
    if (!answer || mine !== this.asked) return;
    const told = await answer.json();
    if (!answer.ok) {
      this.say(told.error);
      return;
    }
    this.told = told;
    this.draw();
    this.follow();
  }

  say(text) {
    this.figure.querySelector(".remark").textContent = text;
  }

  remarks() {
    const { curves, marks } = this.told;
    const told = curves.filter((one) => one.problem).map((one) => one.problem);
    const thin = curves.filter((one) => one.total > one.x.length);
    if (thin.length) told.push(`${thin[0].total.toLocaleString("en")} points, the least and the largest of every stretch are drawn; drag to see more`);
    const gaps = curves.reduce((sum, one) => sum + (one.left_out || 0), 0);
    if (gaps) told.push(`${gaps} values are not finite and leave a gap`);
    for (const mark of marks) told.push(`step ${mark.x.toLocaleString("en")}: ${mark.name} begins${mark.changes.length ? `, ${mark.changes.join("; ")}` : ""}`);
    return told.join(" · ");
  }

  // The columns to draw, and how each is drawn. Runs that a band stands for are drawn thin behind it.
  columns() {
    const tables = [];
    const series = [];
    const banded = new Set(this.told.bands.flatMap((band) => band.runs));
    this.told.curves.forEach((one, index) => {
      if (!one.x.length) return;
      const smooth = one.smooth ? [one.smooth] : [];
      tables.push([one.x, one.y, ...smooth]);
      const faint = smooth.length > 0 || banded.has(one.name);
      series.push({ name: one.name, index, faint, dots: one.x.length < 60 });
      if (smooth.length) series.push({ name: one.name, index, faint: banded.has(one.name), smooth: true });
    });
    const bands = [];
    this.told.bands.forEach((band) => {
      const index = this.told.curves.findIndex((one) => one.name === band.runs[0]);
      const first = series.length + 1;
      tables.push([band.x, band.mean, band.high, band.low]);
      series.push({ name: band.name, index, wide: true }, { name: band.name, index, edge: true }, { name: band.name, index, edge: true });
      bands.push({ series: [first + 1, first + 2], fill: `${colour(index)}2e` });
    });
    return { tables, series, bands };
  }

  draw() {
    if (!this.told) return;
    this.uplot?.destroy();
    const { tables, series, bands } = this.columns();
    this.series = series;
    this.say(this.remarks());
    this.plot.replaceChildren();
    if (!tables.length) return;
    const ink = style("--quiet");
    const axis = { stroke: ink, grid: { stroke: style("--line"), width: 1 }, ticks: { stroke: style("--line"), width: 1 }, font: "12px system-ui, sans-serif" };
    const options = {
      width: this.plot.clientWidth,
      height: this.plot.clientWidth < 500 ? 240 : 320,
      legend: { show: false },
      cursor: { drag: { x: true, y: false, setScale: false }, focus: { prox: 24 } },
      scales: {
        x: { time: false, distr: this.control("logx")?.checked ? 3 : 1 },
        y: { distr: this.control("logy")?.checked ? 3 : 1, range: this.control("logy")?.checked ? undefined : (_, low, high) => this.range(low, high) },
      },
      axes: [
        { ...axis, label: this.told.unit, labelSize: 20, labelFont: axis.font, values: (_, ticks) => ticks.map((tick) => (tick === null ? "" : figure(tick))) },
        { ...axis, size: 62, values: (_, ticks) => ticks.map((tick) => (tick === null ? "" : figure(tick))) },
      ],
      series: [{}, ...series.map((one) => this.look(one))],
      bands,
      hooks: { setSelect: [(u) => this.zoom(u)], setCursor: [(u) => this.read(u)], draw: [(u) => this.lines(u)] },
    };
    let data = joined(tables);
    if (this.control("logx")?.checked) data = positive(data);
    if (this.control("logy")?.checked) data = data.map((column, index) => (index ? column.map((y) => (y > 0 ? y : null)) : column));
    this.uplot = new uPlot(options, data, this.plot);
    this.plot.append(this.legend());
    this.figure.dataset.points = this.told.curves.reduce((sum, one) => sum + one.x.length, 0);
  }

  look(one) {
    const dash = DASHES[Math.floor(one.index / COLOURS.length) % DASHES.length];
    const stroke = one.edge ? "transparent" : one.faint ? `${colour(one.index)}66` : colour(one.index);
    return {
      label: one.name, stroke, dash, width: one.wide || one.smooth ? 2 : one.faint ? 0.8 : 1.5, spanGaps: true,
      points: { show: Boolean(one.dots), size: 4 }, show: !this.hidden.has(one.name),
    };
  }

  // A floor that is near is drawn in; one far away must not press the curves flat.
  range(low, high) {
    if (low === null) return [0, 1];
    const room = (high - low || Math.abs(high) || 1) * 0.06;
    const near = Object.values(this.told.floors).filter((value) => value > low - (high - low) && value < high + (high - low));
    return [Math.min(low, ...near) - room, Math.max(high, ...near) + room];
  }

  // Floors as dotted lines, forks as dashed ones.
  lines(u) {
    const { ctx, bbox } = u;
    const dense = devicePixelRatio;
    ctx.save();
    ctx.strokeStyle = ctx.fillStyle = style("--quiet");
    ctx.lineWidth = dense;
    ctx.font = `${11 * dense}px system-ui, sans-serif`;
    for (const [name, value] of Object.entries(this.told.floors)) {
      const y = u.valToPos(value, "y", true);
      if (!(y >= bbox.top && y <= bbox.top + bbox.height)) continue;
      ctx.setLineDash([2 * dense, 3 * dense]);
      stroke(ctx, bbox.left, y, bbox.left + bbox.width, y);
      ctx.textAlign = "right";
      ctx.fillText(name.replaceAll("_", " "), bbox.left + bbox.width - 4 * dense, y - 4 * dense);
    }
    for (const mark of this.told.marks) {
      const x = u.valToPos(mark.x, "x", true);
      if (!(x >= bbox.left && x <= bbox.left + bbox.width)) continue;
      ctx.setLineDash([5 * dense, 4 * dense]);
      stroke(ctx, x, bbox.top, x, bbox.top + bbox.height);
      ctx.textAlign = "left";
      ctx.fillText(mark.name, x + 4 * dense, bbox.top + 12 * dense);
    }
    ctx.restore();
  }

  zoom(u) {
    if (u.select.width < 4) return;
    this.window = [u.posToVal(u.select.left, "x"), u.posToVal(u.select.left + u.select.width, "x")];
    u.setSelect({ left: 0, width: 0, top: 0, height: 0 }, false);
    this.reload(false);
  }

  legend() {
    const list = Object.assign(document.createElement("ul"), { className: "legend" });
    const place = Object.assign(document.createElement("li"), { className: "place" });
    place.append(document.createElement("output"));
    list.append(place);
    this.outputs = new Map();
    this.series.forEach((one, position) => {
      if (one.edge || this.outputs.has(one.name)) return;
      const button = Object.assign(document.createElement("button"), { type: "button" });
      button.setAttribute("aria-pressed", String(!this.hidden.has(one.name)));
      button.append(swatch(one.index), one.name);
      button.addEventListener("click", () => {
        this.hidden.has(one.name) ? this.hidden.delete(one.name) : this.hidden.add(one.name);
        this.draw();
      });
      const output = document.createElement("output");
      this.outputs.set(one.name, { output, position: position + 1 });
      const line = document.createElement("li");
      line.append(button, output);
      list.append(line);
    });
    return list;
  }

  // The values under the cross-hair, beside their names.
  read(u) {
    const { idx } = u.cursor;
    const at = this.plot.querySelector(".place output");
    if (!at) return;
    at.textContent = idx === null || idx === undefined ? "" : `${figure(u.data[0][idx])} ${this.told.unit}`;
    for (const { output, position } of this.outputs.values()) output.textContent = figure(nearest(u.data[position], idx));
  }

  resize() {
    if (this.uplot && Math.abs(this.uplot.width - this.plot.clientWidth) > 1) {
      this.uplot.setSize({ width: this.plot.clientWidth, height: this.uplot.height });
    }
  }

  // New lines of runs that train: asked for from where the last answer ended.
  follow() {
    clearInterval(this.following);
    const running = this.told.curves.filter(trains);
    if (!("live" in this.figure.dataset) || !running.length) return;
    const told = this.told;
    this.following = setInterval(() => {
      if (document.hidden || this.window || this.looking) return;
      this.looking = true;
      Promise.all(running.filter(trains).map((one) => this.look_at(one, told)))
        .then((news) => told === this.told && news.some(Boolean) && this.draw())
        .catch(() => {})
        .finally(() => (this.looking = false));
    }, EVERY);
  }

  async look_at(one, told) {
    const answer = await fetch(`/api/runs/${encodeURIComponent(one.name)}/lines?from=${one.offset}`);
    if (!answer.ok) return false;
    const { lines, end, state } = await answer.json();
    one.offset = end;
    one.state = state;
    const column = { step: "step", tokens: "tokens", epochs: "epoch", tasks: "task", wall: "wall_seconds" }[told.x];
    if (lines.some((line) => "resumed_from" in line) || (lines.length && (this.smooth > 1 || !column || told.bands.length))) {
      this.reload(false);
      return false;
    }
    const fresh = lines.filter((line) => told.metric in line && line[column] > (one.x.at(-1) ?? -Infinity));
    for (const line of fresh) {
      one.x.push(line[column]);
      one.y.push(line[told.metric]);
      one.total += 1;
    }
    return fresh.length > 0;
  }
}

// A run that may write a line yet.
function trains(one) {
  return one.state === "running" || one.state === "queued";
}

function stroke(ctx, x, y, to_x, to_y) {
  ctx.beginPath();
  ctx.moveTo(x, y);
  ctx.lineTo(to_x, to_y);
  ctx.stroke();
}

function nearest(column, index) {
  if (index === null || index === undefined || !column) return null;
  for (let away = 0; away < 50; away++) {
    if (column[index - away] !== null && column[index - away] !== undefined) return column[index - away];
  }
  return null;
}

function positive(data) {
  const kept = data[0].map((x, index) => (x > 0 ? index : -1)).filter((index) => index >= 0);
  return data.map((column) => kept.map((index) => column[index]));
}

addEventListener("DOMContentLoaded", start);
if (document.readyState !== "loading") start();

function start() {
  if (!window.uPlot || start.done) return;
  start.done = true;
  for (const figure of document.querySelectorAll("figure.chart")) new Chart(figure);
  const order = [...document.querySelectorAll("[data-swatch]")];
  order.forEach((place, index) => place.replaceChildren(swatch(index)));
}
