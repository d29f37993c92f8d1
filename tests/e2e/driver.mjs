// Drives the workbench in a browser for the tests: one JSON request per line on stdin, one JSON answer per line on stdout.
//   {"id": 1, "method": "texts", "params": {"selector": ".codelens-decoration"}}  ->  {"id": 1, "value": [...]}
// A failure answers {"id", "error"}. Every wait ends when what it waits for is there, or fails after its timeout.
import { createRequire } from "node:module";
import { join } from "node:path";
import { createInterface } from "node:readline";

const require = createRequire(join(process.argv[2], "package.json"));
const { chromium } = require("playwright-core");

const WAIT_MS = 60_000;
const KEYS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"];
const FEWER = ["--disable-component-update", "--disable-sync", "--disable-dev-shm-usage"];
const READY = ".monaco-workbench .statusbar-item";
const EDITOR = ".editor-group-container.active .monaco-editor[role=code], .editor-instance .monaco-editor";
const TOASTS = ".notifications-toasts .notification-list-item, .notifications-center .notification-list-item";
const BUTTONS = "a.monaco-button, button.monaco-button, a.monaco-text-button, .monaco-button";

let context;
let page;
const outside = [];
const complaints = [];
const asked = [];

const methods = {
  async launch({ executable, profile, width = 1440, height = 900 }) {
    context = await chromium.launchPersistentContext(profile, {
      executablePath: executable,
      headless: true,
      viewport: { width, height },
      args: [...KEYS, ...FEWER],
    });
    page = context.pages()[0] ?? (await context.newPage());
    page.setDefaultTimeout(WAIT_MS);
    page.on("request", (request) => noteRequest(request.url()));
    page.on("console", (message) => message.type() === "error" && complaints.push(message.text()));
    page.on("pageerror", (error) => complaints.push(String(error)));
    page.on("dialog", (dialog) => dialog.accept());
  },

  async open({ url }) {
    await page.goto(url, { waitUntil: "domcontentloaded" });
    await page.waitForSelector(READY);
  },

  // A plain page, as a user with this screen and taste sees it, in a browser that may not reach anything.
  async openPage({ url, width = 1200, height = 900, dark = false, print = false }) {
    await context.setOffline(true);
    await page.setViewportSize({ width, height });
    await page.emulateMedia({ colorScheme: dark ? "dark" : "light", media: print ? "print" : "screen" });
    asked.length = 0;
    await page.goto(url, { waitUntil: "load" });
    return { asked: [...asked], complaints };
  },

  async reload() {
    await page.evaluate(() => Object.assign(window, { __before_reload: true }));
    await methods.palette({ command: "Developer: Reload Window" });
    await page.waitForFunction(() => !("__before_reload" in window));
    await page.waitForSelector(READY);
  },

  // Wait until some element holds the text; answers that element's text.
  async waitText({ selector, text, timeout_ms = WAIT_MS }) {
    return await until(timeout_ms, `"${text}" in ${selector}`, async () => {
      const found = await texts(selector);
      return { value: found.find((each) => each.includes(plain(text))), seen: found };
    });
  },

  async waitGone({ selector, text, timeout_ms = WAIT_MS }) {
    await until(timeout_ms, `no "${text}" in ${selector}`, async () => {
      const found = await texts(selector);
      return { value: found.every((each) => !each.includes(plain(text))) || undefined, seen: found };
    });
  },

  // Wait until a page within the window, such as a tab of an extension, shows the text.
  async waitInPage({ text, timeout_ms = WAIT_MS }) {
    await until(timeout_ms, `"${text}" in a page of the window`, async () => {
      const seen = await Promise.all(page.frames().map((each) => each.evaluate("document.body.innerText").catch(String)));
      return { value: seen.some((each) => each.includes(text)) || undefined, seen: seen.slice(1) };
    });
  },

  texts: ({ selector }) => texts(selector),

  // Visible lines of the editor from top to bottom; inlay hints are part of the text.
  lines: async () => (await placed(`.view-lines .view-line`)).map((each) => each.text),

  // Code lenses with the line of text they stand over.
  lenses: () => lenses(),

  async clickLens({ text, above = "", timeout_ms = WAIT_MS }) {
    const found = await until(timeout_ms, `lens "${text}" over "${above}"`, async () => {
      const seen = await lenses();
      return { value: seen.find((each) => each.text.includes(plain(text)) && each.above.includes(plain(above))), seen };
    });
    const links = page.locator(".codelens-decoration").nth(found.index).locator("a");
    await links.filter({ hasText: spaced(text) }).first().click();
    return found;
  },

  // Rows of the Problems panel; a row of related information has a deeper level.
  async problems() {
    await showProblems();
    return await problemRows();
  },

  async waitProblem({ text, expand = false, timeout_ms = WAIT_MS }) {
    await showProblems();
    const row = await until(timeout_ms, `problem "${text}"`, async () => {
      const seen = await problemRows();
      return { value: seen.find((each) => each.text.includes(plain(text))), seen };
    });
    if (expand) {
      await page.locator(".markers-panel .monaco-list-row").nth(row.index).click();
      await page.keyboard.press("ArrowRight");
      await until(timeout_ms, `related information of "${text}"`, async () => {
        const seen = await problemRows();
        return { value: seen.some((each) => each.level > row.level) || undefined, seen };
      });
      return (await problemRows()).filter((each) => each.level >= row.level);
    }
    return [row];
  },

  // Items of the status bar with their id and whether they are coloured.
  async statusBar() {
    return await page.$$eval(".statusbar-item", (items) =>
      items.map((item) => ({
        id: item.id,
        text: (item.textContent ?? "").replaceAll("\u00a0", " ").trim(),
        label: item.getAttribute("aria-label") ?? item.firstElementChild?.getAttribute("aria-label") ?? "",
        level: item.classList.contains("error-kind") ? "error" : item.classList.contains("warning-kind") ? "warning" : "",
      })),
    );
  },

  async waitStatus({ text, timeout_ms = WAIT_MS }) {
    return await until(timeout_ms, `"${text}" in the status bar`, async () => {
      const seen = await methods.statusBar();
      return { value: seen.find((each) => each.text.includes(plain(text))), seen: seen.map((each) => each.text) };
    });
  },

  async clickStatus({ text }) {
    await methods.waitStatus({ text });
    await page.locator(".statusbar-item").filter({ hasText: spaced(text) }).first().locator("a").first().click();
  },

  // Messages of the window with their buttons.
  messages: () => messages(),

  async waitMessage({ text, timeout_ms = WAIT_MS }) {
    return await findMessage(text, timeout_ms);
  },

  async pressButton({ text, message = "", timeout_ms = WAIT_MS }) {
    const found = await findMessage(message, timeout_ms, text);
    const item = page.locator(found.selector).nth(found.index);
    await item.hover();
    await item.locator(BUTTONS).filter({ hasText: new RegExp(`^\\s*${escaped(text)}\\s*$`) }).first().click();
    return found.text;
  },

  async closeMessage({ text, timeout_ms = WAIT_MS }) {
    const found = await findMessage(text, timeout_ms);
    const item = page.locator(found.selector).nth(found.index);
    await item.hover();
    await item.locator(".codicon-notifications-clear").first().click();
  },

  async palette({ command }) {
    await page.keyboard.press("F1");
    const input = page.locator(".quick-input-widget:visible .quick-input-box input");
    await input.waitFor();
    await input.fill(`>${command}`);
    await pick(command);
  },

  async pick({ text }) {
    return await pick(text);
  },

  // Show another file of the workspace in the window that is open.
  async openFile({ name }) {
    await page.keyboard.press("Control+P");
    const input = page.locator(".quick-input-widget:visible .quick-input-box input");
    await input.waitFor();
    await input.fill(name);
    await pick(name);
    await page.waitForSelector(`.tabs-container .tab.active[data-resource-name="${name}"]`);
  },

  // What the light bulb of a line offers; with `choose` that row is pressed.
  async lightBulb({ text, choose = "", timeout_ms = WAIT_MS }) {
    const rows = ".action-widget .monaco-list-row.action";
    return await until(timeout_ms, `an action "${choose}" for "${text}"`, async () => {
      await page.keyboard.press("Escape");
      await methods.clickLine({ text });
      await page.locator(".lightBulbWidget").first().click({ timeout: 3_000 });
      await page.locator(rows).first().waitFor({ timeout: 3_000 });
      const seen = await texts(rows);
      const value = seen.some((each) => each.includes(plain(choose))) ? seen : undefined;
      if (value && choose) {
        await page.locator(rows).filter({ hasText: spaced(choose) }).first().click({ timeout: 3_000 });
      }
      return { value, seen };
    });
  },

  // The card for a line, as rows of cells. The palette may take it away again as it closes: then it is asked for anew.
  async table({ text, timeout_ms = WAIT_MS }) {
    return await until(timeout_ms, `a table for "${text}"`, async () => {
      await methods.clickLine({ text });
      await methods.palette({ command: "Show or Focus Hover" });
      await page.locator(".monaco-hover table").first().waitFor({ timeout: 4_000 });
      const seen = await page.$$eval(".monaco-hover table tr", (rows) =>
        rows.map((row) => [...row.querySelectorAll("th, td")].map((cell) => (cell.textContent ?? "").trim())),
      );
      return { value: seen.length > 0 ? seen : undefined, seen };
    });
  },

  // Wait until the quick pick has exactly these rows: its list is drawn over the one before.
  async waitPicks({ rows, timeout_ms = WAIT_MS }) {
    await until(timeout_ms, `a quick pick of ${JSON.stringify(rows)}`, async () => {
      const labels = await page.$$eval(".quick-input-list .monaco-list-row", (found) =>
        found.map((row) => row.querySelector(".label-name")?.textContent ?? ""),
      );
      const seen = labels.map(plain);
      return { value: JSON.stringify(seen) === JSON.stringify(rows.map(plain)) || undefined, seen };
    });
  },

  async answerInput({ text, title = "", timeout_ms = WAIT_MS }) {
    await methods.waitText({ selector: ".quick-input-widget", text: title, timeout_ms });
    const input = page.locator(".quick-input-widget:visible .quick-input-box input");
    const kind = await input.getAttribute("type");
    await input.fill(text);
    await page.keyboard.press("Enter");
    return kind;
  },

  async clickLine({ text }) {
    await page.locator(".view-lines .view-line").filter({ hasText: spaced(text) }).first().click();
  },

  press: ({ key }) => page.keyboard.press(key),
  type: ({ text }) => page.keyboard.type(text),
  click: ({ selector }) => page.locator(selector).first().click(),
  hover: ({ selector }) => page.locator(selector).first().hover(),
  waitSelector: async ({ selector, timeout_ms = WAIT_MS }) => {
    await page.waitForSelector(selector, { timeout: timeout_ms });
  },
  evaluate: ({ expression }) => page.evaluate(expression),

  async screenshot({ path, whole = false }) {
    // A lens fades in: the picture has it as it is in the end.
    await page.screenshot({ path, fullPage: whole, animations: "disabled" });
  },

  // What the page asked of other hosts, and what it complained of.
  trouble: () => ({ outside, complaints }),

  async close() {
    await context?.close();
  },
};

function noteRequest(url) {
  asked.push(url);
  const { protocol, hostname } = new URL(url);
  if (["http:", "https:", "ws:", "wss:"].includes(protocol) && hostname !== "127.0.0.1") {
    outside.push(url);
  }
}

async function until(timeout_ms, what, look) {
  const deadline = Date.now() + timeout_ms;
  for (;;) {
    const { value, seen } = await look().catch((error) => ({ value: undefined, seen: String(error) }));
    if (value !== undefined) {
      return value;
    }
    if (Date.now() > deadline) {
      throw new Error(`waited ${timeout_ms} ms for ${what}; saw ${JSON.stringify(seen)?.slice(0, 4000)}`);
    }
    await page.waitForTimeout(50);
  }
}

async function texts(selector) {
  return (await page.$$eval(selector, (found) => found.map((each) => each.textContent ?? ""))).map(plain);
}

async function placed(selector) {
  const found = await page.$$eval(selector, (each) =>
    each.map((element, index) => {
      const { top, height } = element.getBoundingClientRect();
      return { index, text: element.textContent ?? "", top, height };
    }),
  );
  return found
    .filter((each) => each.height > 0)
    .map((each) => ({ ...each, text: plain(each.text) }))
    .sort((one, other) => one.top - other.top);
}

async function lenses() {
  const lines = await placed(".view-lines .view-line");
  return (await placed(".codelens-decoration"))
    .filter((lens) => lens.text !== "")
    .map(({ index, text, top, height }) => ({
      index,
      text,
      above: lines.find((line) => line.top >= top + height / 2)?.text ?? "",
    }));
}

async function showProblems() {
  if (!(await page.locator(".markers-panel").first().isVisible())) {
    await page.keyboard.press("Control+Shift+M");
    await page.locator(".markers-panel").first().waitFor();
  }
}

async function problemRows() {
  const rows = await page.$$eval(".markers-panel .monaco-list-row", (found) =>
    found.map((each, index) => ({
      index,
      level: Number(each.getAttribute("aria-level") ?? 0),
      text: each.textContent ?? "",
      label: each.getAttribute("aria-label") ?? each.querySelector("[aria-label]")?.getAttribute("aria-label") ?? "",
    })),
  );
  return rows.map((each) => ({ ...each, text: plain(each.text), label: plain(each.label) }));
}

async function messages() {
  const found = [];
  for (const selector of [TOASTS, ".monaco-dialog-box"]) {
    const each = await page.$$eval(
      selector,
      (items, buttons) =>
        items.map((item, index) => ({
          index,
          text: item.querySelector(".notification-list-item-message, .dialog-message-container")?.textContent ?? "",
          buttons: [...new Set([...item.querySelectorAll(buttons)].map((button) => (button.textContent ?? "").trim()))],
        })),
      BUTTONS,
    );
    found.push(...each.map((item) => ({ ...item, selector, text: plain(item.text) })));
  }
  return found;
}

// A toast leaves after a while and waits in the notification centre; this opens the centre when no toast has it.
async function findMessage(text, timeout_ms, button) {
  const started = Date.now();
  let opened = false;
  return await until(timeout_ms, `message "${text}"${button ? ` with button "${button}"` : ""}`, async () => {
    const seen = await messages();
    const value = seen.find((each) => each.text.includes(plain(text)) && (!button || each.buttons.includes(button)));
    if (value === undefined && !opened && Date.now() - started > 8_000 && (await bellRings())) {
      opened = true;
      await page.locator("#status\\.notifications a").first().click();
    }
    return { value, seen };
  });
}

async function bellRings() {
  return (await page.locator("#status\\.notifications .codicon-bell-dot, #status\\.notifications .codicon-bell").count()) > 0;
}

async function pick(text) {
  const row = page.locator(".quick-input-list .monaco-list-row").filter({ hasText: spaced(text) }).first();
  await row.waitFor();
  const says = plain((await row.textContent()) ?? "");
  // A list that was just drawn may not hear the first click; one that heard it is gone, or shows what is asked next.
  for (let clicks = 1; ; clicks++) {
    const before = await pickRows();
    await row.click();
    const gone = () => pickRows().then((now) => ({ value: now === "[]" || now !== before || undefined, seen: now }));
    try {
      await until(4_000, `the choice of "${text}" to be taken`, gone);
      return says;
    } catch (error) {
      if (clicks === 5) {
        throw error;
      }
    }
  }
}

// The visible rows of the quick pick, as one text to compare.
async function pickRows() {
  return JSON.stringify(
    await page.$$eval(".quick-input-list .monaco-list-row", (found) =>
      found.filter((row) => row.getClientRects().length > 0).map((row) => row.textContent ?? ""),
    ),
  );
}

function plain(text) {
  return text.replaceAll(/[\s\u00a0]+/g, " ").trim();
}

function escaped(text) {
  return text.replaceAll(/[.*+?^${}()|[\]\\]/g, "\\$&");
}

function spaced(text) {
  return new RegExp(escaped(plain(text)).replaceAll(" ", "[\\s\\u00a0]+"));
}

for await (const line of createInterface({ input: process.stdin })) {
  const { id, method, params = {} } = JSON.parse(line);
  let answer;
  try {
    if (!(method in methods)) {
      throw new Error(`the driver has no method ${method}`);
    }
    answer = { id, value: (await methods[method](params)) ?? null };
  } catch (error) {
    answer = { id, error: error instanceof Error ? error.message : String(error) };
  }
  process.stdout.write(`${JSON.stringify(answer)}\n`);
}
await context?.close();
