import type { Clock, Timer } from '../clock/clock.js';
import type { EndpointSettings } from '../configuration/endpoint-settings.js';
import { MODAL_REPLIES, type ModalReplyName } from '../edge/modal-replies.js';
import {
  NO_FAULTS,
  type AnswerFault,
  type ArrivalFault,
  type CallPlan,
  type ContainerFault,
} from './call-plan.js';
import { Fault } from './fault.js';
import type { FaultSpecification } from './fault-schema.js';

type Mutable<T> = { -readonly [Key in keyof T]: T[Key] };

/** What a connection meets before anyone looks at the request. */
export type Outage = 'reset' | 'silent';

/** The faults in force. Asked once per call, so it costs nothing while there are none. */
export class FaultBoard {
  #faults: Fault[] = [];
  /** The same, those first whose text goes before others' by rule 2. */
  #byPrecedence: Fault[] = [];
  #added = 0;
  readonly #listeners: (() => void)[] = [];
  readonly #timers = new Map<string, Timer>();

  constructor(
    private readonly clock: Clock,
    private readonly seed: number,
  ) {}

  /** Called when a fault begins or ends other than by striking a call. */
  onChange(listener: () => void): void {
    this.#listeners.push(listener);
  }

  add(specification: FaultSpecification): Fault {
    this.#added += 1;
    const fault = new Fault(`fault-${this.#added}`, specification, this.seed, this.clock.now());
    this.#set([...this.#faults, fault]);
    this.#watch(fault);
    this.#changed();
    return fault;
  }

  list(): readonly Fault[] {
    return this.#faults;
  }

  /** @returns whether there was one */
  remove(id: string): boolean {
    const kept = this.#faults.filter((fault) => fault.id !== id);
    const removed = kept.length < this.#faults.length;
    this.#set(kept);
    this.#unwatch(id);
    if (removed) this.#changed();
    return removed;
  }

  /** @returns how many there were */
  clear(): number {
    const removed = this.#faults.length;
    for (const { id } of this.#faults) this.#unwatch(id);
    this.#set([]);
    if (removed > 0) this.#changed();
    return removed;
  }

  /** Draws the faults of an arriving call; uses up their counts. */
  planCall(endpoint: EndpointSettings): CallPlan {
    if (this.#faults.length === 0) return NO_FAULTS;
    const nowMs = this.clock.now();
    const faultIds: string[] = [];
    const plan: Mutable<CallPlan> = { faultIds, delayS: 0 };
    for (const fault of this.#byPrecedence) {
      if (STRIKE_CONTAINERS.has(fault.specification.kind) || !fault.aimsAt(endpoint)) continue;
      // One arrival fault decides the call; a second one would be used up without effect.
      if (plan.arrival !== undefined) break;
      const wasWaiting = fault.state(nowMs) === 'waiting';
      if (fault.strikes(nowMs)) {
        faultIds.push(fault.id);
        apply(plan, fault.specification);
      }
      if (wasWaiting && fault.state(nowMs) === 'active') {
        this.#watch(fault);
        this.#changed();
      }
    }
    return plan;
  }

  /** What health checks and reads of a result meet; uses up nothing. */
  outage(endpoint: EndpointSettings): Outage | undefined {
    const { specification } = this.#active('unavailable', endpoint) ?? {};
    return specification?.kind === 'unavailable' ? specification.mode : undefined;
  }

  /** Rule 1: a whole app, or the workspace, that answers nothing but this text. */
  appReply(endpoint: EndpointSettings): ModalReplyName | undefined {
    return this.#lasting(['workspace', 'app'], (fault) => fault.aimsAt(endpoint));
  }

  /** Rules 1 and 2: what the whole workspace answers, also where nothing is deployed. */
  workspaceReply(): ModalReplyName | undefined {
    return this.#lasting(['workspace', 'budget'], (fault) => fault.aimsAtAll);
  }

  /** Rule 10. */
  hasDrought(endpoint: EndpointSettings): boolean {
    return this.#active('capacity_drought', endpoint) !== undefined;
  }

  /** @returns simulated seconds a starting container loads longer; uses up counts */
  extraLoadS(endpoint: EndpointSettings): number {
    let extraS = 0;
    for (const fault of this.#faults) {
      const { specification } = fault;
      if (specification.kind !== 'slow_start' || !fault.aimsAt(endpoint)) continue;
      if (fault.strikesContainer(this.clock.now())) extraS += specification.delay_s;
    }
    return extraS;
  }

  /** Rule 23. @returns how long a fresh container waits in vain, in simulated seconds; uses up counts */
  missingBodyS(endpoint: EndpointSettings): number | undefined {
    for (const fault of this.#faults) {
      const { specification } = fault;
      if (specification.kind !== 'missing_body' || !fault.aimsAt(endpoint)) continue;
      if (fault.strikesContainer(this.clock.now())) return specification.delay_s;
    }
    return undefined;
  }

  #set(faults: Fault[]): void {
    this.#faults = faults;
    this.#byPrecedence = [...faults].sort((left, right) => precedence(left) - precedence(right));
  }

  /** @returns the text of an active fault that does not merely strike some calls */
  #lasting(arises: readonly string[], isMeant: (fault: Fault) => boolean): ModalReplyName | undefined {
    for (const fault of this.#byPrecedence) {
      const { specification } = fault;
      if (specification.kind !== 'status' || !arises.includes(MODAL_REPLIES[specification.body].arises))
        continue;
      if (specification.count !== undefined || specification.probability < 1) continue;
      if (isMeant(fault) && fault.state(this.clock.now()) === 'active') return specification.body;
    }
    return undefined;
  }

  #active(kind: FaultSpecification['kind'], endpoint: EndpointSettings): Fault | undefined {
    return this.#faults.find(
      (fault) =>
        fault.specification.kind === kind &&
        fault.aimsAt(endpoint) &&
        fault.state(this.clock.now()) === 'active',
    );
  }

  /** Tells the listeners when the clock starts or ends the fault. */
  #watch(fault: Fault): void {
    this.#unwatch(fault.id);
    const nowMs = this.clock.now();
    const state = fault.state(nowMs);
    const nextMs = state === 'active' ? fault.endsMs : fault.startsMs;
    if (state === 'spent' || state === 'expired' || nextMs === Infinity) return;
    if (state === 'waiting' && nextMs <= nowMs) return;
    const timer = this.clock.schedule(nextMs - nowMs, () => {
      this.#watch(fault);
      this.#changed();
    });
    this.#timers.set(fault.id, timer);
  }

  #unwatch(id: string): void {
    this.#timers.get(id)?.cancel();
    this.#timers.delete(id);
  }

  #changed(): void {
    for (const listener of this.#listeners) listener();
  }
}

/** Kinds whose `count` counts containers: they are drawn when one starts, not when a call arrives. */
const STRIKE_CONTAINERS: ReadonlySet<FaultSpecification['kind']> = new Set(['slow_start', 'missing_body']);

/** Rule 2: the workspace speaks before the app; all other faults keep the order they were added in. */
function precedence({ specification }: Fault): number {
  if (specification.kind !== 'status') return 2;
  const { arises } = MODAL_REPLIES[specification.body];
  if (arises === 'workspace' || arises === 'budget') return 0;
  return arises === 'app' ? 1 : 2;
}

function apply(plan: Mutable<CallPlan>, fault: FaultSpecification): void {
  switch (fault.kind) {
    case 'delay':
      plan.delayS += fault.delay_s;
      return;
    case 'wrong_region':
      plan.attests = fault.attests;
      return;
    case 'status':
      return applyStatus(
        plan,
        { kind: 'status', body: fault.body, retryAfterS: fault.retry_after_s },
        fault.at,
      );
    case 'reset':
      if (fault.at === 'arrival') plan.arrival = { kind: 'reset' };
      else plan.answer = { kind: 'reset' };
      return;
    case 'hang':
      plan.arrival = { kind: 'hang' };
      return;
    case 'unavailable':
      plan.arrival = { kind: fault.mode === 'reset' ? 'reset' : 'hang' };
      return;
    case 'truncated':
      plan.answer = { kind: 'truncated' };
      return;
    case 'model_error':
      plan.answer = { kind: 'model_error', error: fault.error };
      return;
    case 'crash':
      plan.container = { kind: 'dies', afterwards: fault.mode, preempted: false };
      return;
    case 'preempt':
      plan.container = { kind: 'dies', afterwards: fault.mode, preempted: true };
      return;
    case 'slow_start':
    case 'missing_body':
    case 'capacity_drought':
      return;
  }
}

/** Texts that only a started input can cause come from the container, whatever the fault's `at`. */
function applyStatus(
  plan: Mutable<CallPlan>,
  reply: ArrivalFault & AnswerFault & { kind: 'status' },
  at: 'arrival' | 'answer',
): void {
  const inContainer: Partial<Record<ModalReplyName, ContainerFault>> = {
    timed_out: { kind: 'never_ends' },
    crashed: { kind: 'dies', afterwards: 'crashed', preempted: false },
    lost_input: { kind: 'dies', afterwards: 'lost_input', preempted: true },
  };
  const ending = inContainer[reply.body];
  if (ending !== undefined) plan.container = ending;
  else if (at === 'arrival') plan.arrival = reply;
  else plan.answer = reply;
}
