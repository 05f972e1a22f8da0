/** Connects actions of the cluster page with the client of other members' REST. */
import type { PeersOptions } from "../adapters/peers/client_options.ts";
import { send } from "../adapters/peers/peers_http.ts";
import type { ActionCall } from "../ui/action_plan.ts";

/** A switchover is waited for that long by its own request, a restart as long as it takes. */
const TIMEOUT_MS = 120_000;

/** What a member answered; status 0: nothing, as the text says. */
export interface CallAnswer {
  readonly status: number;
  readonly text: string;
}

/** Makes the request; never throws. Credentials go to addresses of the store alone. */
export async function callMember(
  { member, method, path, body }: ActionCall,
  options: PeersOptions,
): Promise<CallAnswer> {
  const base = member.apiUrl === null ? null : URL.parse(member.apiUrl);
  const url = base === null ? null : URL.parse(path, base);
  if (url === null) {
    return { status: 0, text: `${member.name} has no usable api_url` };
  }
  try {
    const reply = await send(url, options, {
      method,
      body: body === null ? "" : JSON.stringify(body),
      timeoutMs: TIMEOUT_MS,
    });
    return { status: reply.status, text: reply.body };
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    return { status: 0, text: `${member.name} does not answer: ${why}` };
  }
}
