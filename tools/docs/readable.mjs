// Looks at the built site in headless Chromium: every page, as wide as a desk's screen and as narrow as a phone. What makes a
// page unreadable is named; some pages are kept as pictures for people to judge the rest.
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { createServer } from 'node:http';
import { extname, join } from 'node:path';

const executablePath = '/usr/bin/chromium';
const widths = { desk: { width: 1280, height: 1600 }, phone: { width: 390, height: 1200 } };
const pictures = {
  home: '/',
  tutorial: '/tutorial',
  'migrate-oslo': '/migrate/oslo-concurrency',
  performance: '/performance',
  reference: '/reference/core/',
  lock: '/reference/lockutils/lock',
};
const types = {
  '.html': 'text/html',
  '.js': 'text/javascript',
  '.css': 'text/css',
  '.svg': 'image/svg+xml',
  '.woff2': 'font/woff2',
};

/** What is wrong with the pages in the folder `site`, a line each; pictures go to the folder `kept`. */
export async function lookAt(site, kept) {
  if (!existsSync(executablePath)) return ['the Debian package chromium is missing'];
  const { chromium } = await import('playwright-core');
  const server = await serve(site);
  const browser = await chromium.launch({ executablePath, args: ['--no-sandbox', '--disable-gpu'] });
  const complaints = [];
  try {
    const origin = `http://127.0.0.1:${server.address().port}`;
    const paths = readdirSync(site, { recursive: true })
      .filter((file) => file.endsWith('.html') && file !== '404.html')
      .map((file) => `/${file.replace(/(^|\/)index\.html$/, '$1').replace(/\.html$/, '')}`);
    // The pages of types and errors are alike: one of each folder is enough.
    const alike = new Set();
    const looked = paths.filter((path) => {
      const [folder] = /^\/reference\/[\w-]+\/(types|errors|values|classes)\//.exec(path) ?? [];
      return folder === undefined || (!alike.has(folder) && alike.add(folder));
    });
    mkdirSync(kept, { recursive: true });
    // Two at a time: a page is waited for as long as it is looked at.
    const waiting = [...looked];
    const look = async () => {
      const page = await browser.newPage();
      let at = '';
      const complain = (text) => complaints.push(`${at}: ${text}`);
      page.on('pageerror', (error) => complain(error.message));
      page.on('response', (response) => response.ok() || complain(`${response.url()}: ${response.status()}`));
      for (let path = waiting.shift(); path !== undefined; path = waiting.shift()) {
        at = path;
        const name = Object.keys(pictures).find((key) => pictures[key] === path);
        await page.goto(origin + path, { waitUntil: 'load' });
        for (const [screen, viewport] of Object.entries(widths)) {
          at = `${path} (${screen})`;
          await page.setViewportSize(viewport);
          for (const text of await page.evaluate(unreadable)) complain(text);
          if (name !== undefined) await page.screenshot({ path: join(kept, `${name}-${screen}.png`) });
        }
      }
      await page.close();
    };
    await Promise.all([look(), look()]);
    complaints.push(...(await searched(browser, origin)));
    const absent = Object.values(pictures).filter((path) => !paths.includes(path));
    complaints.push(...absent.map((path) => `${path}: there is no such page to take a picture of`));
    console.log(`${looked.length} of ${paths.length} pages looked at in ${Object.keys(widths).length} widths`);
  } finally {
    await browser.close();
    server.close();
  }
  return complaints;
}

/** What readers type, and the page that must come first. */
const searches = {
  timeout: '/reference/lockutils/lock#timeout',
  killGrace: '/reference/processutils/execute#killgrace',
};

/** Types into the search of the site as a reader does, and looks at the first answer. */
async function searched(browser, origin) {
  const page = await browser.newPage({ viewport: widths.desk });
  const complaints = [];
  // The page answers only once its scripts have run.
  await page.goto(`${origin}/`, { waitUntil: 'networkidle' });
  for (const [text, wanted] of Object.entries(searches)) {
    await page.locator('#local-search button').first().click();
    await page.locator('#localsearch-input').fill(text);
    const first = await page.locator('.VPLocalSearchBox .result').first().getAttribute('href');
    if (first !== wanted) complaints.push(`the search for ${text} finds ${first} first, not ${wanted}`);
    await page.keyboard.press('Escape');
  }
  await page.close();
  return complaints;
}

function serve(site) {
  const server = createServer((request, response) => {
    const path = join(site, decodeURIComponent(new URL(request.url, 'http://localhost').pathname));
    const file = [path, `${path}.html`, join(path, 'index.html')].find((it) => existsSync(it) && statSync(it).isFile());
    if (file === undefined) return response.writeHead(404).end();
    response
      .writeHead(200, {
        'content-type': types[extname(file)] ?? 'application/octet-stream',
        // The scripts that all pages share are fetched and compiled once.
        'cache-control': 'max-age=3600',
      })
      .end(readFileSync(file));
  });
  return new Promise((resolve) => server.listen(0, '127.0.0.1', () => resolve(server)));
}

/** Runs in the page. The bounds are those of the WCAG (contrast 4.5, no scrolling in two directions) and of common sense. */
function unreadable() {
  const found = [];
  const channels = (colour) => colour.match(/[\d.]+/g).map(Number);
  const luminance = ([r, g, b]) => {
    const [x, y, z] = [r, g, b].map((c) => (c / 255 <= 0.04045 ? c / 255 / 12.92 : ((c / 255 + 0.055) / 1.055) ** 2.4));
    return 0.2126 * x + 0.7152 * y + 0.0722 * z;
  };
  const ground = (element) => {
    for (let at = element; at !== null; at = at.parentElement) {
      const colour = channels(getComputedStyle(at).backgroundColor);
      if (colour[3] !== 0) return colour;
    }
    return [255, 255, 255];
  };
  const excerpt = (element) => JSON.stringify(element.textContent.trim().slice(0, 40));

  if (document.documentElement.scrollWidth > innerWidth + 1) {
    found.push(`is ${document.documentElement.scrollWidth} px wide in ${innerWidth}`);
  }
  const content = document.querySelector('.vp-doc, .VPHome');
  if (content === null || content.textContent.trim().length < 40) return [...found, 'has no text'];
  if (document.querySelector('h1') === null) found.push('has no heading');
  for (const image of content.querySelectorAll('img')) {
    if (image.complete && image.naturalWidth === 0) found.push(`the picture ${image.src} is not shown`);
    if (image.alt === '') found.push(`the picture ${image.src} has no text for those who cannot see it`);
  }
  for (const element of content.querySelectorAll('p, li, td, th, h1, h2, h3')) {
    if (element.offsetParent === null || element.textContent.trim() === '') continue;
    const style = getComputedStyle(element);
    if (Number.parseFloat(style.fontSize) < 14) found.push(`${excerpt(element)} is set in ${style.fontSize}`);
    if (style.webkitTextFillColor.startsWith('rgba(0, 0, 0, 0')) continue;
    const [a, b] = [luminance(channels(style.color)), luminance(ground(element))].sort((x, y) => y - x);
    const contrast = (a + 0.05) / (b + 0.05);
    if (contrast < 4.5) found.push(`${excerpt(element)} has a contrast of ${contrast.toFixed(1)}`);
  }
  return found;
}
