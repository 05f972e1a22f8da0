/**
 * Sends one HTTP call with the TLS rules of the command line. Deno's own fetch
 * cannot skip the verification of a certificate, node:https can.
 *
 * Source: docs/contract/cli.md A3.
 */
import { readFile } from "node:fs/promises";
import { request as requestHttp } from "node:http";
import { request as requestHttps, type RequestOptions } from "node:https";
import type { HttpReply, HttpRequest, TlsSettings } from "./context.ts";
import { timerMs } from "../core/base/units.ts";

const BODY_LENGTH_MAX = 16 * 1024 * 1024;

/**
 * Sends the call and waits for the whole answer.
 *
 * @throws {Error} If there is no connection, no complete answer in time, or a
 * certificate is not trusted.
 */
export async function sendHttp(request: HttpRequest): Promise<HttpReply> {
  const isTls = request.url.startsWith("https:");
  const tls = isTls ? await tlsOptions(request.tls) : {};
  const signal = AbortSignal.timeout(timerMs(request.timeoutMs));
  const options: RequestOptions = {
    ...tls,
    method: request.method,
    headers: {
      ...request.headers,
      connection: "close",
      ...(request.body === null ? {} : {
        "content-length": String(new TextEncoder().encode(request.body).length),
      }),
    },
    agent: false,
    signal,
  };
  try {
    return await exchange(isTls, request, options);
  } catch (error) {
    if (!signal.aborted) throw error;
    const seconds = request.timeoutMs / 1000;
    throw new Error(`no answer from ${request.url} within ${seconds} s`, {
      cause: error,
    });
  }
}

function exchange(
  isTls: boolean,
  request: HttpRequest,
  options: RequestOptions,
): Promise<HttpReply> {
  return new Promise((resolve, reject) => {
    const send = isTls ? requestHttps : requestHttp;
    const outgoing = send(request.url, options, (answer) => {
      const chunks: Uint8Array[] = [];
      let length = 0;
      answer.on("data", (chunk: Uint8Array) => {
        length += chunk.length;
        if (length > BODY_LENGTH_MAX) {
          outgoing.destroy(new Error("the answer is too long"));
        } else chunks.push(chunk);
      });
      answer.on("error", reject);
      answer.on("aborted", () => reject(new Error("the answer ended early")));
      answer.on("end", () => {
        const body = new TextDecoder().decode(joined(chunks, length));
        const { date } = answer.headers;
        const told = date === undefined ? {} : { date };
        resolve({ status: answer.statusCode ?? 0, body, ...told });
      });
    });
    outgoing.on("error", reject);
    outgoing.end(request.body ?? undefined);
  });
}

function joined(chunks: readonly Uint8Array[], length: number): Uint8Array {
  const bytes = new Uint8Array(length);
  let offset = 0;
  for (const chunk of chunks) {
    bytes.set(chunk, offset);
    offset += chunk.length;
  }
  return bytes;
}

/** With a client certificate, "insecure" only drops the check of the host name. */
async function tlsOptions(tls: TlsSettings): Promise<RequestOptions> {
  const { isInsecure, cacert, certfile, keyfile, keyfilePassword } = tls;
  const hasCertificate = certfile !== null;
  return {
    rejectUnauthorized: !isInsecure || hasCertificate,
    ...(isInsecure && hasCertificate
      ? { checkServerIdentity: () => undefined }
      : {}),
    ...(cacert === null ? {} : { ca: await readFile(cacert, "utf8") }),
    ...(certfile === null ? {} : {
      cert: await readFile(certfile, "utf8"),
      key: await readFile(keyfile ?? certfile, "utf8"),
    }),
    ...(keyfilePassword === null ? {} : { passphrase: keyfilePassword }),
  };
}
