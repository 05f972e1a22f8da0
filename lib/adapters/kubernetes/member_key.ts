/**
 * The own member key: a pod with labels that Services select it by. With
 * Endpoints there is also a Service without an address, for the Endpoints that
 * hold the configuration would be collected as garbage without one.
 */
import type { DcsLimits } from "../../ports/dcs.ts";
import { DcsRefusedError } from "../../ports/errors.ts";
import type { KubeApi } from "./api.ts";
import { configService } from "./bodies.ts";
import { type Annotations, objectName } from "./layout.ts";
import type { KubernetesLayout, KubernetesMember } from "./options.ts";
import { podLabels } from "./pod_labels.ts";
import type { ScopeState } from "./state.ts";

/** What member keys are written with. */
export interface MemberKeyParts {
  readonly api: Pick<KubeApi, "create">;
  readonly layout: KubernetesLayout;
  readonly member: KubernetesMember | null;
  readonly state: ScopeState;
}

/** Knows how member keys are written. */
export class MemberKey {
  readonly #parts: MemberKeyParts;
  #isServiceSettled = false;

  constructor(parts: MemberKeyParts) {
    this.#parts = parts;
  }

  /** Labels to set on a pod; of another member's pod none. */
  labelsOf(name: string, value: string | null): Annotations {
    const { member, state } = this.#parts;
    if (member?.name !== name || value === null) return {};
    const isLeader = state.leader.record?.leader === name
      ? "leader"
      : "no_leader";
    return podLabels(member.labels, value, isLeader);
  }

  /** Makes the Service once; one that may not be made is no problem. */
  async settleService(limits: DcsLimits): Promise<void> {
    const { api, layout, member } = this.#parts;
    const isWanted = layout.hasEndpoints && member !== null;
    if (!isWanted || this.#isServiceSettled) return;
    try {
      const name = objectName(layout, "config");
      await api.create("services", configService(layout, name), limits);
      this.#isServiceSettled = true;
    } catch (error) {
      // Without the right it is left to whoever has made the rest.
      if (error instanceof DcsRefusedError) this.#isServiceSettled = true;
    }
  }
}
