// Pictures of the figures. Each is drawn from the JSON beside it; the table below says the same.
const echarts = window.echarts;
const language = document.documentElement.lang || "de";
const still = matchMedia("(prefers-reduced-motion: reduce)").matches;
const drawn = new Map();

const write = {
  count: (value) => value.toLocaleString(language),
  euro: (value) => value.toLocaleString(language, { style: "currency", currency: "EUR" }),
  mean: (value) => value.toLocaleString(language, { minimumFractionDigits: 1, maximumFractionDigits: 1 }),
  share: (value) => value.toLocaleString(language, { style: "percent", minimumFractionDigits: 1, maximumFractionDigits: 1 }),
};
const writeAxis = {
  ...write,
  mean: (value) => value.toLocaleString(language, { maximumFractionDigits: 1 }),
  share: (value) => value.toLocaleString(language, { style: "percent" }),
  euro: (value) => value.toLocaleString(language, { style: "currency", currency: "EUR", maximumFractionDigits: 0 }),
};

// Canvas cannot read custom properties, and the library reads only rgb: a probe resolves a colour
// where the picture stands, one pixel turns it into rgb.
const pixel = Object.assign(document.createElement("canvas"), { width: 1, height: 1 }).getContext("2d", { willReadFrequently: true });

function resolved(element, name, city) {
  const probe = document.createElement("span");
  if (city) probe.dataset.city = city;
  element.append(probe);
  probe.style.color = `var(${name})`;
  pixel.fillStyle = getComputedStyle(probe).color;
  probe.remove();
  pixel.fillRect(0, 0, 1, 1);
  const [red, green, blue] = pixel.getImageData(0, 0, 1, 1).data;
  return `rgb(${red},${green},${blue})`;
}

function colours(element) {
  const names = { city: "--city", text: "--text", muted: "--muted", line: "--line", alert: "--danger", quiet: "--line-strong", action: "--action", surface: "--surface" };
  return Object.fromEntries(Object.entries(names).map(([tone, name]) => [tone, resolved(element, name)]));
}

const patterns = {
  city: { symbol: "none" },
  action: { symbol: "none" },
  alert: { symbol: "rect", dashArrayX: [1, 0], dashArrayY: [2, 3], rotation: Math.PI / 4, color: "rgba(255,255,255,.55)" },
  quiet: { symbol: "circle", symbolSize: .6, dashArrayX: [[6, 6], [0, 6, 6, 0]], dashArrayY: [6, 0], color: "rgba(255,255,255,.65)" },
};

function base(chart, sentence, tone) {
  const label = { color: tone.muted, fontFamily: "Fira Sans", fontSize: 13 };
  return {
    animation: !still,
    animationDuration: 300,
    textStyle: { fontFamily: "Fira Sans, sans-serif", color: tone.text },
    aria: { enabled: true, label: { description: sentence }, decal: { show: true } },
    grid: { left: 8, right: 32, top: 36, bottom: 8, containLabel: true },
    legend: { show: (chart.series || []).length > 1, top: 0, left: 0, itemWidth: 18, itemHeight: 12, itemGap: 20, textStyle: { ...label, color: tone.text } },
    tooltip: {
      trigger: "axis", renderMode: "richText", confine: true, backgroundColor: tone.surface, borderColor: tone.quiet,
      textStyle: { color: tone.text, fontFamily: "Fira Sans", fontSize: 14 },
      valueFormatter: (value) => (value === null || value === undefined ? "–" : write[chart.format](value)),
    },
    label,
  };
}

function axes(chart, tone, label, sideways) {
  const names = {
    type: "category", data: chart.categories, inverse: sideways,
    axisLabel: { ...label, color: sideways ? tone.text : tone.muted, hideOverlap: true, width: sideways ? 190 : undefined, overflow: sideways ? "truncate" : undefined, interval: sideways || chart.categories.length < 12 ? 0 : "auto" },
    axisLine: { lineStyle: { color: tone.quiet } }, axisTick: { show: false },
  };
  const values = {
    type: "value", max: chart.most, interval: chart.most && chart.most / 4, axisLabel: { ...label, formatter: writeAxis[chart.format] }, splitNumber: 4,
    splitLine: { lineStyle: { color: tone.line } }, minInterval: chart.format === "count" ? 1 : undefined,
  };
  return sideways ? { yAxis: names, xAxis: values } : { xAxis: names, yAxis: values };
}

function series(chart, element, tone, sideways) {
  return chart.series.map((one, place) => {
    const colour = one.city ? resolved(element, "--city", one.city) : tone[one.tone];
    if (chart.kind === "line") {
      return {
        type: "line", name: one.name, data: one.values, color: colour, symbolSize: 7, lineStyle: { width: 2.5 }, connectNulls: true,
        markLine: chart.mark && {
          silent: true, symbol: "none", data: [{ yAxis: chart.mark.value }], lineStyle: { color: tone.text, type: "dashed", width: 1.5 },
          label: { formatter: `${chart.mark.label} ${writeAxis[chart.format](chart.mark.value)}`, position: "insideStartBottom", distance: 6, color: tone.text, fontFamily: "Fira Sans", fontSize: 13 },
        },
      };
    }
    return {
      type: "bar", name: one.name, data: one.values, color: colour, stack: chart.stacked ? "all" : undefined, barMaxWidth: 36, barGap: "10%",
      itemStyle: { decal: one.city ? patterns[place ? "quiet" : "city"] : patterns[one.tone], borderRadius: sideways ? [0, 3, 3, 0] : chart.stacked ? 0 : [3, 3, 0, 0] },
    };
  });
}

// The interval as whiskers over the bars: from the lower to the upper bound of each category.
function whiskers(range, tone) {
  return {
    type: "custom", name: range.name, data: range.low.map((low, place) => [place, low, range.high[place]]), itemStyle: { color: tone.text },
    encode: { x: 0, y: [1, 2] }, z: 5, tooltip: { valueFormatter: (values) => [].concat(values).map(write.mean).join(" – ") },
    renderItem: (_, api) => {
      const low = api.coord([api.value(0), api.value(1)]), high = api.coord([api.value(0), api.value(2)]);
      const line = (x1, y1, x2, y2) => ({ type: "line", shape: { x1, y1, x2, y2 }, style: { stroke: tone.text, lineWidth: 1.5 } });
      return { type: "group", children: [line(low[0], low[1], high[0], high[1]), line(low[0] - 4, low[1], low[0] + 4, low[1]), line(high[0] - 4, high[1], high[0] + 4, high[1])] };
    },
  };
}

function heat(chart, tone, option) {
  const most = Math.max(1, ...chart.cells.map((cell) => cell[2]));
  return {
    ...option,
    aria: { ...option.aria, decal: { show: false } },
    legend: { show: false },
    grid: { ...option.grid, top: 8, bottom: 52 },
    tooltip: { ...option.tooltip, trigger: "item", formatter: ({ value }) => `${chart.y[value[1]]}, ${chart.x[value[0]]}\n${write.mean(value[2])} ${chart.unit}` },
    xAxis: { type: "category", data: chart.x, axisLabel: option.label, axisTick: { show: false }, axisLine: { show: false }, splitArea: { show: false } },
    yAxis: { type: "category", data: chart.y, inverse: true, axisLabel: { ...option.label, color: tone.text }, axisTick: { show: false }, axisLine: { show: false } },
    visualMap: {
      min: 0, max: most, calculable: false, orient: "horizontal", left: "center", bottom: 0, itemHeight: 160, itemWidth: 12,
      text: [write.mean(most), "0"], textStyle: option.label, inRange: { color: [tone.surface, tone.city] },
    },
    series: [{ type: "heatmap", data: chart.cells, itemStyle: { borderColor: tone.line, borderWidth: 1 }, emphasis: { itemStyle: { borderColor: tone.text, borderWidth: 2 } } }],
  };
}

function draw(element) {
  const chart = JSON.parse(document.getElementById(element.dataset.chart).textContent);
  const tone = colours(element);
  const { label, ...option } = base(chart, element.dataset.sentence, tone);
  let picture = drawn.get(element);
  if (!picture) {
    picture = echarts.init(element, null, { renderer: "canvas" });
    drawn.set(element, picture);
    picture.on("click", ({ dataIndex }) => {
      const link = (chart.links || [])[dataIndex];
      if (link) location.assign(link);
    });
  }
  if (chart.kind === "heat") picture.setOption(heat(chart, tone, { ...option, label }), true);
  else {
    const sideways = chart.kind === "rows";
    const drawnSeries = series(chart, element, tone, sideways);
    if (chart.range) drawnSeries.push(whiskers(chart.range, tone));
    picture.setOption({ ...option, ...axes(chart, tone, label, sideways), series: drawnSeries }, true);
  }
}

function drawAll() {
  document.querySelectorAll("[data-chart]").forEach(draw);
}

document.fonts.ready.then(() => {
  drawAll();
  const resized = new ResizeObserver((entries) => entries.forEach(({ target }) => drawn.get(target)?.resize()));
  drawn.forEach((_, element) => resized.observe(element));
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", drawAll);
});
