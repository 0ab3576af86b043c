import { ABNORMAL } from "./speaker.ts";
import type { Permit, Scene, Seen } from "./scene.ts";
import type { Standing } from "./generations.ts";

/** RFC 6455's registry. */
export const GOING_AWAY = 1001;
export const INTERNAL_ERROR = 1011;
export const SERVICE_RESTART = 1012;

/** What an operation may have done to those who speak. */
export interface Effect {
  /** Who may have ended, and how. */
  readonly permit: Permit;
  /** What else has to hold, once all is quiet. @throws Error when it does not. */
  readonly check?: (seen: readonly Seen[], standing: Standing) => void;
}

/** One thing that is done to a server; its sentence is what a history is told with. */
export abstract class Operation {
  /** Whether it can be done now; a history goes on without it otherwise. */
  isPossible(_scene: Scene): boolean {
    return true;
  }

  /** Resolves when it is over, whatever it leaves behind. */
  abstract run(scene: Scene): Promise<Effect>;

  /** What is done, without numbers: how it is counted. */
  abstract readonly kind: string;

  toString(): string {
    return this.kind;
  }
}

/** Those who cannot move are told to come back, and nobody else. */
export const immovable: Permit = ({ canMove }, { code }) =>
  !canMove && code === SERVICE_RESTART;

/** Those whose last answer came from there. */
export function onShard(shard: number, code: number): Permit {
  return (_, end) => end.code === code && end.place?.shard === shard;
}

/** Those whose last answer came from this process. */
export function inProcess(pid: number, code = ABNORMAL): Permit {
  return (_, end) => end.code === code && end.place?.pid === pid;
}

export function either(...permits: readonly Permit[]): Permit {
  return (speaker, end) => permits.some((permit) => permit(speaker, end));
}

/** @throws Error unless it holds. */
export function demand(holds: boolean, otherwise: string): void {
  if (!holds) throw new Error(otherwise);
}
