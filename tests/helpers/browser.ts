/** A headless Chromium, of the distribution, with pages that tell what they asked for and said. */
import { type Browser, chromium, type Page } from "playwright-core";
import { skipReason } from "./skip_reason.ts";

/** Why there can be none; null: there can. */
export const BROWSER_SKIP = skipReason("chromium", "chromium");

const EXECUTABLE = "/usr/bin/chromium";

const FLAGS = [
  ...["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"],
  ...["--disable-background-networking", "--disable-component-update"],
  ...["--disable-sync", "--hide-scrollbars"],
];

/** How a page is seen. */
export interface Sight {
  readonly width?: number;
  readonly colorScheme?: "light" | "dark";
}

/** A page, and what happened on it. */
export interface SeenPage {
  readonly page: Page;
  /** Addresses that it asked for, its own included. */
  readonly requests: readonly string[];
  /** Errors and warnings of its console, and what it threw. */
  readonly complaints: readonly string[];
}

/** A browser of its own, that ends with its test. */
export class TestBrowser implements AsyncDisposable {
  readonly #browser: Browser;

  private constructor(browser: Browser) {
    this.#browser = browser;
  }

  static async open(): Promise<TestBrowser> {
    return new TestBrowser(
      await chromium.launch({ executablePath: EXECUTABLE, args: FLAGS }),
    );
  }

  async visit(url: string, sight: Sight = {}): Promise<SeenPage> {
    const { width = 1_120, colorScheme = "light" } = sight;
    const page = await this.#browser.newPage({
      viewport: { width, height: 900 },
      colorScheme,
    });
    const requests: string[] = [];
    const complaints: string[] = [];
    page.on("request", (request) => requests.push(request.url()));
    page.on("pageerror", (error) => complaints.push(error.message));
    page.on("console", (message) => {
      if (!["error", "warning"].includes(message.type())) return;
      complaints.push(message.text());
    });
    await page.goto(url);
    return { page, requests, complaints };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#browser.close();
  }
}
