/** A member's certificate that should have been replaced and was not. */
import type { MemberName } from "../../model/member.ts";
import type { Notice } from "../../model/notice.ts";

const DAY_MS = 86_400_000;

/**
 * What is told of it.
 *
 * @param untilMs The certificate's end; as `atMs`, milliseconds since the epoch.
 */
export function overdueNotice(
  member: MemberName,
  untilMs: number,
  atMs: number,
): Notice {
  const days = Math.floor((untilMs - atMs) / DAY_MS);
  return {
    event: "certificate_expiring",
    key: `${member} ${untilMs}`,
    atMs,
    text: `The certificate of ${member} was not replaced; it ` +
      (days < 0 ? "counts no more" : `counts for ${days} days`),
    data: { member, until_ms: untilMs },
  };
}
