/**
 * The five shapes of a reply: status only, JSON, text, metrics and error page,
 * each with its headers in Patroni's order.
 *
 * Source: docs/contract/rest-api.md 2.1.
 */
import { pageHtml, type PageProblem, pageReason } from "./problems.ts";
import { pythonJson } from "../patroni/python_json.ts";
import type { RestSettings } from "./rest_settings.ts";

type HeaderPairs = readonly (readonly [string, string])[];

/** Makes replies by the settings that are in force at that moment. */
export class Replies {
  readonly #settings: () => RestSettings;
  readonly #version: string;

  /** @param version What `server_tokens: minimal` shows. */
  constructor(settings: () => RestSettings, version: string) {
    this.#settings = settings;
    this.#version = version;
  }

  /** A status line and nothing else. */
  bare(status: number): Response {
    return new Response(null, { status });
  }

  json(status: number, document: unknown): Response {
    return this.#reply(status, pythonJson(document), [
      ["Content-Type", "application/json"],
    ]);
  }

  /** @param special Headers that stand before the content type. */
  text(
    status: number,
    text: string,
    special: Readonly<Record<string, string>> = {},
  ): Response {
    return this.#reply(status, text, [
      ...Object.entries(special),
      ["Content-Type", "text/html"],
    ]);
  }

  metrics(text: string): Response {
    return this.#reply(200, text, [["Content-Type", "text/plain"]]);
  }

  page(problem: PageProblem): Response {
    return new Response(bytes(pageHtml(problem)), {
      status: problem.status,
      statusText: pageReason(problem),
      headers: {
        "Server": this.#server(),
        "Content-Type": "text/html;charset=utf-8",
      },
    });
  }

  #reply(status: number, body: string, pairs: HeaderPairs): Response {
    const headers = new Headers([["Server", this.#server()]]);
    for (const [name, value] of pairs) headers.set(name, value);
    const extra = Object.entries(this.#settings().extraHeaders);
    for (const [name, value] of extra) headers.set(name, value);
    return new Response(bytes(body), { status, headers });
  }

  #server(): string {
    switch (this.#settings().serverTokens) {
      case "original":
        return "Matriarch";
      case "minimal":
        return `Patroni/${this.#version}`;
      case "productonly":
        return "Patroni";
    }
  }
}

/** Bytes instead of text, so that no charset is added to the content type. */
function bytes(text: string): Uint8Array<ArrayBuffer> {
  return new TextEncoder().encode(text);
}
