/**
 * Which body belongs to which long task. The bodies are sequences of port calls,
 * no decisions about whether.
 */
import type { LongTask } from "../core/model/task_view.ts";
import type { DataTasks } from "./data_tasks.ts";
import type { Demotion } from "./demote.ts";
import type { FencingActs } from "./fencing_acts.ts";
import type { InstanceTasks } from "./instance_tasks.ts";
import type { Promotion } from "./promotion.ts";
import type { TaskBody } from "./task_runner.ts";

/** The bodies, by subject. */
export interface Bodies {
  readonly data: DataTasks;
  readonly instance: InstanceTasks;
  readonly promotion: Promotion;
  readonly demotion: Demotion;
  readonly fencing: FencingActs;
}

/** What to run for `task`. */
export function bodyOf(bodies: Bodies, task: LongTask): TaskBody {
  const { data, instance, promotion, demotion, fencing } = bodies;
  switch (task.kind) {
    case "bootstrap":
      return (signal) => data.bootstrap(signal);
    case "finish_restore":
      return (signal) => data.finishRestore(signal);
    case "clone":
      return (signal) => data.clone(task, signal);
    case "start":
      return (signal) => instance.start(task, signal);
    case "restart":
      return (signal) => instance.restart(task, signal);
    case "follow":
      return (signal) => instance.follow(task, signal);
    case "promote":
      return (signal) => promotion.run(signal);
    case "demote":
      return (signal) => demotion.run(task, signal);
    case "rewind":
      return (signal) => data.rewind(task, signal);
    case "copy_slots":
      return (signal) => instance.copySlots(task, signal);
    case "remove_data":
      return () => data.remove(task);
    case "set_aside":
      return () => data.setAside(task);
    case "fence":
      return fencing.bodyOf(task);
    case "reinitialize":
      return (signal) => data.reinitialize(task, signal);
  }
}
