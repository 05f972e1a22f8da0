/**
 * Requests that end in one of the small HTML error pages. Handlers throw
 * {@link PageProblem}; every other error means "no reply at all", see app.ts.
 *
 * Source: docs/contract/rest-api.md 2.2.
 */

/** Statuses that are answered with an error page. */
export type PageStatus = 400 | 408 | 409 | 411 | 413 | 431 | 501 | 502 | 503;

interface PageTexts {
  readonly reason: string;
  readonly explanation: string;
}

/** patronictl looks for the text of 501 to fall back from switchover to failover. */
const TEXTS: Readonly<Record<PageStatus, PageTexts>> = {
  400: {
    reason: "Bad Request",
    explanation: "Bad request syntax or unsupported method",
  },
  408: { reason: "Request Timeout", explanation: "The request took too long" },
  409: { reason: "Conflict", explanation: "Somebody else was faster" },
  411: {
    reason: "Length Required",
    explanation: "Client must specify Content-Length",
  },
  413: {
    reason: "Request Entity Too Large",
    explanation: "The request body is too large",
  },
  431: {
    reason: "Request Header Fields Too Large",
    explanation: "The request head is too large",
  },
  501: {
    reason: "Not Implemented",
    explanation: "Server does not support this operation",
  },
  502: { reason: "Bad Gateway", explanation: "There is no such data" },
  503: {
    reason: "Service Unavailable",
    explanation: "The request cannot be served now",
  },
};

/** The request ends with an error page. */
export class PageProblem extends Error {
  override readonly name: string = "PageProblem";

  /** @param reason Replaces the standard reason phrase. */
  constructor(readonly status: PageStatus, readonly reason?: string) {
    super(reason ?? TEXTS[status].reason);
  }
}

/** The reason phrase of an error page. */
export function pageReason(problem: PageProblem): string {
  return problem.reason ?? TEXTS[problem.status].reason;
}

/** The HTML document of an error page. */
export function pageHtml(problem: PageProblem): string {
  const { status } = problem;
  return `<!DOCTYPE html>
<html lang="en">
<head><meta charset="utf-8"><title>Error response</title></head>
<body>
<h1>Error response</h1>
<p>Error code: ${status}</p>
<p>Message: ${escapeHtml(pageReason(problem))}.</p>
<p>Error code explanation: ${status} - ${TEXTS[status].explanation}.</p>
</body>
</html>
`;
}

/** The page of a method that nobody serves there. */
export function unsupportedMethod(method: string): PageProblem {
  const name = method.replace(/[^A-Za-z-]/g, "?").slice(0, 30);
  return new PageProblem(501, `Unsupported method ('${name}')`);
}

function escapeHtml(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;")
    .replaceAll(">", "&gt;");
}
