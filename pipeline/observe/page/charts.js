/*
 * The charts of a run, from the lines of its timeline: items a second, throttling, latency.
 *
 *   PipelineCharts.mount(element)          -> {set(samples), destroy()}: all three, one cursor
 *   PipelineCharts.create(element, {kind}) -> {set(samples), destroy()}: "rate", "throttling" or "latency"
 *
 * Needs uPlot. Time runs along the work that was done: a pause between two attempts is a dashed
 * line, not an empty stretch. Nothing here needs inline styles in markup, eval, or the network.
 */
(function () {
  "use strict";

  const KINDS = {
    rate: {
      title: "Items per second",
      series: [{ name: "items/s", value: (s) => s.items_per_s, show: (v) => count(v) }],
      summary: rateSummary,
    },
    throttling: {
      title: "Throttling",
      series: [
        { name: "throttled requests/s", value: (s) => s.throttled_per_s, show: (v) => count(v) + "/s" },
        { name: "of all requests", value: refusedShare, show: (v) => count(v) + " %", most: 100 },
      ],
      summary: throttlingSummary,
    },
    latency: {
      title: "Latency of requests",
      series: [
        { name: "p50", value: (s) => s.p50_ms, show: duration },
        { name: "p99", value: (s) => s.p99_ms, show: duration, sameScale: true },
      ],
      summary: latencySummary,
    },
  };
  const STEPS = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10800, 21600, 43200].concat(
    [1, 2, 5, 10, 20, 50, 100, 200, 365].map((days) => days * 86400),
  );
  const FONT = '12px system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", "DejaVu Sans", sans-serif';
  let mounted = 0;

  /* Numbers and times, as people read them. */

  function count(value) {
    const size = Math.abs(value);
    if (size >= 1e6) return trim(value / 1e6) + "M";
    if (size >= 1e4) return trim(value / 1e3) + "k";
    if (size >= 100) return Math.round(value).toLocaleString("en");
    return trim(value);
  }

  function trim(value) {
    return String(Number(value.toPrecision(3)));
  }

  function duration(ms) {
    return ms >= 1000 ? trim(ms / 1000) + " s" : trim(ms) + " ms";
  }

  function clock(seconds) {
    const whole = Math.round(seconds);
    const days = Math.floor(whole / 86400);
    const hours = Math.floor(whole / 3600) % 24;
    const two = (n) => String(n).padStart(2, "0");
    const rest = two(Math.floor(whole / 60) % 60) + ":" + two(whole % 60);
    if (days) return days + "d " + two(hours) + ":" + rest.slice(0, 2);
    return hours ? hours + ":" + rest : rest.replace(/^0/, "");
  }

  function spoken(seconds) {
    if (seconds < 1) return "less than a second";
    const units = [["day", 86400], ["hour", 3600], ["minute", 60], ["second", 1]];
    let rest = Math.round(seconds);
    const parts = [];
    for (const [name, size] of units) {
      const number = Math.floor(rest / size);
      rest -= number * size;
      if (number) parts.push(number + " " + name + (number === 1 ? "" : "s"));
    }
    return parts.slice(0, 2).join(" ");
  }

  /* From samples to columns. */

  function refusedShare(sample, before) {
    if (before === null) return null;
    const requests = sample.requests - before.requests;
    return requests > 0 ? Math.min(100, (100 * Math.max(0, sample.throttled - before.throttled)) / requests) : null;
  }

  /*
   * Return {columns: [places, …values], borders: [[place, attempt]], moments: [sample|null], times}.
   * What a line says holds since the one before, so the first line of an attempt says what the second
   * does. Places are times, but for a little room between two attempts.
   */
  function columnsOf(kind, samples) {
    const series = KINDS[kind].series;
    const columns = [[], ...series.map(() => [])];
    const borders = [];
    const moments = [];
    const times = [];
    const attempts = new Set(samples.map((sample) => sample.attempt)).size;
    const gap = grown(samples, "elapsed_s") * Math.min(0.008, 0.1 / attempts);
    let room = 0;
    let time = 0;
    let before = null;
    const add = (at, values, sample) => {
      columns[0].push(at);
      times.push(time);
      values.forEach((value, i) => columns[i + 1].push(value));
      moments.push(sample);
    };
    samples.forEach((sample, i) => {
      const fresh = before === null || sample.attempt !== before.attempt;
      if (fresh && before !== null) {
        room += gap;
        borders.push([time + room - gap / 2, sample.attempt]);
        add(time + room - gap / 2, series.map(() => null), null);
      }
      if (!fresh) time += Math.max(0, sample.elapsed_s - before.elapsed_s);
      const next = samples[i + 1];
      const holds = !fresh ? [sample, before] : next && next.attempt === sample.attempt ? [next, sample] : null;
      add(time + room, series.map((one) => (holds === null ? null : finite(one.value(...holds)))), sample);
      before = sample;
    });
    return { columns, borders, moments, times };
  }

  function finite(value) {
    return typeof value === "number" && isFinite(value) ? value : null;
  }

  function most(column) {
    let found = null;
    for (const value of column) if (value !== null && (found === null || value > found)) found = value;
    return found;
  }

  function last(column) {
    for (let i = column.length - 1; i >= 0; i--) if (column[i] !== null) return column[i];
    return null;
  }

  function grown(samples, field) {
    let sum = 0;
    for (let i = 1; i < samples.length; i++) {
      if (samples[i].attempt === samples[i - 1].attempt) sum += Math.max(0, samples[i][field] - samples[i - 1][field]);
    }
    return sum;
  }

  /* What a chart says to those who do not see it. */

  function over(samples) {
    return " over " + spoken(grown(samples, "elapsed_s"));
  }

  function rateSummary(samples, [, rates]) {
    const seconds = grown(samples, "elapsed_s");
    const average = seconds > 0 ? grown(samples, "settled") / seconds : last(rates);
    return `Items per second${over(samples)}: ${count(average)} on average, ${count(most(rates))} at most, ${count(last(rates))} at the end.`;
  }

  function throttlingSummary(samples, [, , shares]) {
    const throttled = grown(samples, "throttled");
    if (!throttled) return `Throttling${over(samples)}: no request was refused for want of capacity.`;
    return `Throttling${over(samples)}: ${count(throttled)} of ${count(grown(samples, "requests"))} requests were refused, ${count(most(shares) ?? 0)} % of them at the worst moment.`;
  }

  function latencySummary(samples, [, middle, slow]) {
    if (most(slow) === null) return "Latency: no request was answered yet.";
    return `Latency of requests${over(samples)}: at the end half took less than ${duration(last(middle))} and one in a hundred more than ${duration(last(slow))}, at the worst moment ${duration(most(slow))}.`;
  }

  /* One chart. */

  function element(name, className, ...children) {
    const made = document.createElement(name);
    made.className = className;
    made.append(...children);
    return made;
  }

  function frame(spec) {
    const values = spec.series.map(() => element("b", "pipeline-chart-value"));
    const moment = element("span", "pipeline-chart-moment");
    const head = element(
      "figcaption",
      "pipeline-chart-head",
      element("span", "pipeline-chart-title", spec.title),
      moment,
      ...spec.series.map((one, i) =>
        element(
          "span",
          "pipeline-chart-series" + (i ? " pipeline-chart-second" : ""),
          element("span", "pipeline-chart-mark"),
          values[i],
          element("span", "pipeline-chart-name", one.name),
        ),
      ),
    );
    const plot = element("div", "pipeline-chart-plot");
    plot.setAttribute("role", "img");
    plot.tabIndex = 0;
    const told = element("p", "pipeline-chart-told");
    told.setAttribute("aria-live", "polite");
    const empty = element("p", "pipeline-chart-empty", "No measurements yet");
    plot.append(empty);
    const figure = element("figure", "pipeline-chart", head, plot, told);
    return { figure, plot, moment, values, told, empty };
  }

  function optionsOf(spec, shown, parts, sync) {
    const color = (name) => () => getComputedStyle(parts.figure).getPropertyValue("--chart-" + name).trim();
    const grid = { stroke: color("line"), width: 1 };
    const axis = { stroke: color("soft"), font: FONT, grid, ticks: { ...grid, size: 4 } };
    const scaleOf = (i) => (i && !spec.series[i].sameScale ? "second" : "first");
    const upTo = (i) => (_, __, highest) => [0, Math.min((highest || 0) * 1.08 || 1, spec.series[i].most ?? Infinity)];
    const two = scaleOf(spec.series.length - 1) === "second";
    const values = (one) => (_, splits) => splits.map((value) => (value === null ? "" : one.show(value)));
    return {
      width: Math.max(parts.plot.clientWidth, 80),
      height: parts.plot.clientHeight || 180,
      legend: { show: false },
      cursor: { y: false, drag: { x: false, y: false }, points: { size: 7 }, sync: sync ? { key: sync, scales: ["x", null] } : undefined },
      scales: {
        x: { time: false, range: (_, from, to) => [from ?? 0, Math.max(to ?? 1, (from ?? 0) + 0.1)] },
        first: { range: upTo(0) },
        ...(two ? { second: { range: upTo(1) } } : {}),
      },
      axes: [
        { ...axis, space: 64, size: 28, incrs: STEPS, values: (_, splits) => splits.map(clock) },
        { ...axis, scale: "first", space: 34, size: wide, values: values(spec.series[0]) },
        ...(two
          ? [{ ...axis, scale: "second", side: 1, space: 34, size: wide, grid: { show: false }, values: values(spec.series[1]) }]
          : []),
      ],
      series: [
        {},
        ...spec.series.map((one, i) => ({
          scale: scaleOf(i),
          stroke: color(i ? "second" : "first"),
          fill: i ? undefined : color("wash"),
          width: 1.5,
          dash: i ? [5, 4] : undefined,
          points: { show: false },
        })),
      ],
      hooks: { draw: [(plot) => drawBorders(plot, shown.borders, color("soft")())], setCursor: [() => shown.tell()] },
    };
  }

  function wide(_, labels) {
    return 14 + 7 * Math.max(6, ...(labels || []).map((label) => label.length));
  }

  function drawBorders(plot, borders, color) {
    const { ctx, bbox } = plot;
    const ratio = window.devicePixelRatio || 1;
    ctx.save();
    ctx.strokeStyle = ctx.fillStyle = color;
    ctx.lineWidth = ratio;
    ctx.setLineDash([3 * ratio, 3 * ratio]);
    ctx.font = FONT.replace("12px", 11 * ratio + "px");
    ctx.textAlign = "left";
    ctx.textBaseline = "top";
    borders.forEach(([time, attempt], i) => {
      const x = Math.round(plot.valToPos(time, "x", true));
      const next = i + 1 < borders.length ? plot.valToPos(borders[i + 1][0], "x", true) : Infinity;
      ctx.beginPath();
      ctx.moveTo(x, bbox.top);
      ctx.lineTo(x, bbox.top + bbox.height);
      ctx.stroke();
      const text = "attempt " + attempt;
      const width = ctx.measureText(text).width;
      const wide = width + 8 * ratio;
      if (x + wide <= Math.min(next, bbox.left + bbox.width)) ctx.fillText(text, x + 4 * ratio, bbox.top + 2 * ratio);
    });
    ctx.restore();
  }

  function create(at, { kind, sync = null }) {
    const spec = KINDS[kind];
    if (!spec) throw new Error("PipelineCharts: kind is rate, throttling or latency");
    const parts = frame(spec);
    at.append(parts.figure);
    let plot = null;
    let samples = [];
    let waiting = 0;
    const shown = { columns: [[]], borders: [], moments: [], times: [], tell };

    function tell() {
      const idx = plot === null ? null : plot.cursor.idx;
      const chosen = idx !== null && idx !== undefined && shown.moments[idx] ? idx : null;
      spec.series.forEach((one, i) => {
        const column = shown.columns[i + 1] || [];
        const value = chosen === null ? last(column) : column[chosen];
        parts.values[i].textContent = value === null || value === undefined ? "–" : one.show(value);
      });
      parts.moment.textContent = chosen === null ? "" : momentOf(chosen);
    }

    function momentOf(idx) {
      return "at " + clock(shown.times[idx]) + ", " + new Date(shown.moments[idx].at * 1000).toLocaleTimeString();
    }

    function draw() {
      waiting = 0;
      Object.assign(shown, columnsOf(kind, samples));
      const some = shown.columns.slice(1).some((column) => last(column) !== null);
      parts.empty.hidden = some;
      parts.plot.setAttribute(
        "aria-label",
        some ? spec.summary(samples, shown.columns) + " The arrow keys read single moments." : spec.title + ": no measurements yet.",
      );
      if (some && plot === null) plot = new window.uPlot(optionsOf(spec, shown, parts, sync), shown.columns, parts.plot);
      else if (plot !== null) plot.setData(shown.columns);
      tell();
    }

    function move(event) {
      const steps = { ArrowLeft: -1, ArrowRight: 1, PageDown: -10, PageUp: 10, Home: -Infinity, End: Infinity };
      if (plot === null || event.altKey || event.ctrlKey || event.metaKey) return;
      if (event.key === "Escape") return leave();
      if (!(event.key in steps)) return;
      event.preventDefault();
      const end = shown.moments.length - 1;
      const now = plot.cursor.idx ?? end;
      let idx = Math.max(0, Math.min(end, now + steps[event.key]));
      if (!shown.moments[idx]) idx += steps[event.key] < 0 ? -1 : 1;
      plot.setCursor({ left: plot.valToPos(shown.columns[0][idx], "x"), top: 0 });
      parts.told.textContent =
        momentOf(idx) + ": " + spec.series.map((one, i) => one.name + " " + parts.values[i].textContent).join(", ");
    }

    function leave() {
      if (plot !== null) plot.setCursor({ left: -10, top: -10 });
      parts.told.textContent = "";
    }

    const resized = new ResizeObserver(() => {
      if (plot !== null && parts.plot.clientWidth) {
        plot.setSize({ width: parts.plot.clientWidth, height: parts.plot.clientHeight });
      }
    });
    const scheme = window.matchMedia("(prefers-color-scheme: dark)");
    const recolor = () => plot !== null && plot.redraw(false, true);
    parts.plot.addEventListener("keydown", move);
    parts.plot.addEventListener("blur", leave);
    scheme.addEventListener("change", recolor);
    resized.observe(parts.plot);
    draw();

    return {
      set(lines) {
        samples = lines;
        if (!waiting) waiting = requestAnimationFrame(draw);
      },
      destroy() {
        if (waiting) cancelAnimationFrame(waiting);
        resized.disconnect();
        scheme.removeEventListener("change", recolor);
        if (plot !== null) plot.destroy();
        plot = null;
        parts.figure.remove();
      },
    };
  }

  function mount(at) {
    const sync = "pipeline-charts-" + ++mounted;
    const box = element("div", "pipeline-charts");
    at.append(box);
    const charts = Object.keys(KINDS).map((kind) => create(box, { kind, sync }));
    return {
      set: (samples) => charts.forEach((chart) => chart.set(samples)),
      destroy() {
        charts.forEach((chart) => chart.destroy());
        box.remove();
      },
    };
  }

  window.PipelineCharts = { create, mount };
})();
