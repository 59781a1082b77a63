// Sparklines and the larger charts, by Chart.js as django-unfold brings it, in the theme's colours.

/* global Chart */

const drawn = new WeakMap();

export function drawCharts(region) {
  for (const canvas of region.querySelectorAll("canvas[data-chart]")) {
    if (drawn.has(canvas)) continue;
    drawn.set(canvas, new Chart(canvas, CONFIGS[canvas.dataset.chart](canvas)));
  }
}

/** Colours are read when a chart is drawn: with another theme it is drawn again. */
export function followTheme(region) {
  const again = () => {
    for (const canvas of region.querySelectorAll("canvas[data-chart]")) {
      drawn.get(canvas)?.destroy();
      drawn.delete(canvas);
    }
    drawCharts(region);
  };
  const watch = new MutationObserver(again);
  watch.observe(document.documentElement, { attributeFilter: ["class"] });
}

const CONFIGS = {
  calls(canvas) {
    const { labels, sent, failed } = JSON.parse(canvas.dataset.series);
    return {
      type: "bar",
      data: {
        labels,
        datasets: [
          bars("failed", failed, colour(canvas, "--hp-bad-mark")),
          bars("taken", sent, colour(canvas, "--hp-good-mark")),
        ],
      },
      options: options(canvas, (value) => `${value}`, { stacked: true }),
    };
  },
  latency(canvas) {
    const { labels, p95 } = JSON.parse(canvas.dataset.series);
    const line = colour(canvas, "--hp-line-mark");
    return {
      type: "line",
      data: {
        labels,
        datasets: [
          {
            label: "95 of 100 within",
            data: p95,
            borderColor: line,
            backgroundColor: colour(canvas, "--hp-line-back"),
            borderWidth: 1.75,
            fill: "origin",
            tension: 0.3,
            spanGaps: true,
            pointRadius: (context) => (isAlone(p95, context.dataIndex) ? 2 : 0),
            pointBackgroundColor: line,
            pointHoverRadius: 3,
          },
        ],
      },
      options: options(canvas, (value) => `${Math.round(value)} ms`, {}),
    };
  },
};

const bars = (label, data, backgroundColor) => ({
  label,
  data: data.map((value) => value || null),
  backgroundColor,
  borderRadius: 1,
  barPercentage: 0.85,
  categoryPercentage: 1,
  // A single failure among hundreds is to be seen.
  minBarLength: 2,
});

/** A point that no line reaches, with spans over gaps: the only one there is. */
const isAlone = (values, place) =>
  values[place] !== null && values.filter((value) => value !== null).length === 1;

const colour = (canvas, name) => getComputedStyle(canvas).getPropertyValue(name).trim();

function options(canvas, written, { stacked = false }) {
  const isLarge = canvas.dataset.size === "large";
  const quiet = colour(canvas, "--ws-quiet");
  const grid = colour(canvas, "--ws-line");
  const axis = { stacked, display: isLarge, border: { display: false } };
  return {
    animation: false,
    responsive: true,
    maintainAspectRatio: false,
    interaction: { mode: "index", intersect: false },
    layout: { padding: isLarge ? 0 : { top: 2, bottom: 1 } },
    scales: {
      x: {
        ...axis,
        grid: { display: false },
        ticks: { color: quiet, maxRotation: 0, autoSkipPadding: 24 },
      },
      y: {
        ...axis,
        beginAtZero: true,
        grid: { color: grid },
        ticks: { color: quiet, precision: 0, maxTicksLimit: 5 },
      },
    },
    plugins: {
      legend: { display: false },
      tooltip: {
        displayColors: false,
        filter: (item) => item.raw !== null && item.raw !== 0,
        callbacks: { label: (item) => `${item.dataset.label}: ${written(item.raw)}` },
      },
    },
  };
}
