import { parse, View } from 'vega';
import { compile } from 'vega-lite';
import { quantile, summary } from './statistics.mjs';

// One colour a subject on every plot: blues are ours, warm colours are Python's, greens are npm's, grey is the floor.
const colours = {
  floor: '#888888',
  spawn: '#888888',
  ours: '#1f4e9c',
  'ours fair': '#4f8ff0',
  'ours lockfile': '#9cc2f5',
  'ours internal': '#7048e8',
  'ours execute': '#1f4e9c',
  oslo: '#d9480f',
  'oslo execute': '#d9480f',
  fasteners: '#f08c00',
  filelock: '#e0b000',
  subprocess: '#f08c00',
  'proper-lockfile': '#2b8a3e',
  'async-mutex': '#2b8a3e',
  'async-lock': '#66a80f',
  'p-limit': '#0ca678',
  execa: '#2b8a3e',
  execFile: '#66a80f',
  tinyexec: '#0ca678',
};
const sides = { domain: ['floor', 'ours', 'peer'], range: ['#888888', '#1f4e9c', '#d9480f'] };

/** The plots of a run: file name, title, the figure each rests on, and how to draw it. */
const plots = [
  peers('uncontended', 'External lock nobody else wants: acquire and release', 'locks.uncontended.external'),
  peers('internal', 'Internal lock nobody else wants: acquire and release', 'locks.uncontended.internal'),
  overProcesses('throughput', 'Grants a second over processes', 'locks.contended.grants'),
  overProcesses('fairness', 'Fewest to most grants of a process (1 is fair)', 'locks.contended.share', 'linear'),
  overProcesses('longest-wait', 'Longest wait over processes', 'locks.contended.longest'),
  distribution('hand-over', 'Hand-over: part of the grants that came within', 'locks.handover'),
  distribution('take-over', 'Take-over after SIGKILL: part of the grants that came within', 'locks.takeover'),
  overNumber('waiters', 'A grant over the tasks that wait', 'locks.waiters', 'waiters'),
  peers('commands', 'Run `true`', 'processes.commands.one'),
  peers('limits', 'Run `true` under resource limits', 'processes.commands.limits'),
  overNumber('output', 'Capture output over its size', 'processes.output', 'bytes'),
  peers('imports', 'Import a package for the first time', 'imports'),
];

/** Draws what the figures allow, as SVG: `{name, title, svg}` of each. */
export async function drawPlots(figures) {
  const drawn = [];
  for (const { name, title, id, draw } of plots) {
    const figure = figures.find((one) => one.id === id);
    if (figure === undefined || figure.rows.length === 0) continue;
    drawn.push({ name, title, id, svg: await toSvg({ title: linesOf(title), ...draw(figure) }) });
  }
  return drawn;
}

/** The title in lines that fit over a narrow plot. */
function linesOf(title) {
  return title.match(/.{1,44}(?:\s|$)/g).map((line) => line.trim());
}

// On a dark page: the ground of VitePress and GitHub, light text, and lighter tones of the dark colours. The rules of a style
// sheet stand above the attributes that vega writes.
const onDark = {
  white: '#1b1b1f',
  '#000': '#dfdfd6',
  '#ddd': '#3c3c43',
  '#1f4e9c': '#6f9dea',
  '#7048e8': '#a58bff',
  '#2b8a3e': '#51b866',
};
const style = `<style>@media(prefers-color-scheme:dark){${Object.entries(onDark)
  .flatMap(([light, dark]) => ['fill', 'stroke'].map((what) => `[${what}="${light}"]{${what}:${dark}}`))
  .join('')}}</style>`;

async function toSvg(spec) {
  const config = {
    background: 'white',
    font: 'sans-serif',
    // Large enough to be read when the picture is as narrow as a phone.
    axis: { labelFontSize: 13, titleFontSize: 13, labelOverlap: true },
    legend: { symbolOpacity: 1, labelFontSize: 13, orient: 'bottom', columns: 2 },
    header: { labelFontSize: 13, titleFontSize: 13 },
    title: { anchor: 'start', fontSize: 15, frame: 'bounds' },
  };
  const view = new View(parse(compile({ ...spec, config }).spec), { renderer: 'none' });
  try {
    // As wide as the page allows: the view box keeps the proportions.
    const svg = (await view.toSVG()).replace(/^(<svg[^>]*?) width="[\d.]+" height="[\d.]+"/, '$1');
    return `${svg.replace(/^<svg[^>]*>/, (root) => `${root}${style}`)}\n`;
  } finally {
    view.finalize();
  }
}

const scaleFor = (figure) => {
  const subjects = [...new Set(figure.rows.map(({ subject }) => subject))];
  return { domain: subjects, range: subjects.map((subject) => colours[subject] ?? '#868e96') };
};
const titleOf = ({ title, unit }) => (unit === '' ? title : unit);
const points = (figure) =>
  figure.rows.map(({ subject, side, with: parameters, samples }) => {
    const { median, low, high } = summary(samples);
    return { subject, side, ...parameters, median, low, high };
  });

/** Subjects side by side, on a logarithmic scale: a dot at the median, a line over the middle half. */
function peers(name, title, id) {
  const draw = (figure) => ({
    data: { values: points(figure) },
    width: 340,
    height: { step: 20 },
    encoding: {
      y: { field: 'subject', type: 'nominal', sort: { field: 'median' }, title: null, axis: { labelLimit: 200 } },
      color: { field: 'side', type: 'nominal', scale: sides, title: null },
    },
    layer: [
      { mark: { type: 'rule', strokeWidth: 2 }, encoding: { x: span(figure, 'low'), x2: { field: 'high' } } },
      { mark: { type: 'point', filled: true, size: 60 }, encoding: { x: span(figure, 'median') } },
    ],
  });
  return { name, title, id, draw };
}

function span(figure, field) {
  return { field, type: 'quantitative', scale: { type: 'log' }, title: `${titleOf(figure)} (median and middle half)` };
}

function overProcesses(name, title, id, scale = 'log') {
  const draw = (figure) => ({
    data: { values: points(figure) },
    facet: { column: { field: 'holdMs', type: 'ordinal', title: 'held each time, ms' } },
    spec: {
      width: 130,
      height: 200,
      encoding: {
        x: { field: 'processes', type: 'quantitative', scale: { type: 'log', base: 2 }, title: 'processes' },
        color: { field: 'subject', type: 'nominal', scale: scaleFor(figure), title: null },
      },
      layer: lines(figure, scale),
    },
    resolve: { scale: { y: scale === 'log' ? 'independent' : 'shared' } },
  });
  return { name, title, id, draw };
}

function overNumber(name, title, id, field) {
  const draw = (figure) => ({
    data: { values: points(figure) },
    width: 340,
    height: 260,
    encoding: {
      x: { field, type: 'quantitative', scale: { type: 'log' }, title: field, axis: { format: '~s' } },
      color: { field: 'subject', type: 'nominal', scale: scaleFor(figure), title: null },
    },
    layer: lines(figure, 'log'),
  });
  return { name, title, id, draw };
}

function lines(figure, scale) {
  const y = { type: 'quantitative', scale: { type: scale }, title: titleOf(figure) };
  return [
    { mark: { type: 'area', opacity: 0.15 }, encoding: { y: { ...y, field: 'low' }, y2: { field: 'high' } } },
    { mark: { type: 'line', point: true }, encoding: { y: { ...y, field: 'median' } } },
  ];
}

/** Which part of the samples was at most so long, over the whole range. */
function distribution(name, title, id) {
  const parts = Array.from({ length: 101 }, (_, percent) => percent / 100);
  const draw = (figure) => ({
    data: {
      values: figure.rows.flatMap(({ subject, samples }) =>
        parts.map((part) => ({ subject, part, within: quantile(samples, part) })),
      ),
    },
    width: 340,
    height: 260,
    mark: { type: 'line', interpolate: 'step-before' },
    encoding: {
      x: { field: 'within', type: 'quantitative', scale: { type: 'log' }, title: figure.unit },
      y: { field: 'part', type: 'quantitative', title: null, axis: { format: '%' } },
      color: { field: 'subject', type: 'nominal', scale: scaleFor(figure), title: null },
      order: { field: 'part' },
    },
  });
  return { name, title, id, draw };
}
