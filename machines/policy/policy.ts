/**
 * Who may do what (`--policy`). One rule counts for each identity: the one that names it, else the one for `*`, else
 * none, and then nothing is allowed but DONE and HELP?. So a refusal always has just one rule to its name.
 *
 * What a rule says is looked at in the order commands, devices, roles, MAC addresses, remotes, options, Handlers.
 */

import { formatDevice } from '../protocol/devices.ts';
import { isName } from '../protocol/ids.ts';
import { formatRemote } from '../protocol/remote.ts';
import {
  type Command,
  type DeviceSpec,
  type Ends,
  type FramePlace,
  type HandlerOptions,
  type Remote,
  ROLES,
  VERBS,
} from '../protocol/types.ts';
import { ANY, type Compiled, compileDevice, compileMac, compileRemote, type Fits } from './patterns.ts';
import type { PolicyRule, PolicyRules } from './rule.ts';

export type { PolicyRule, PolicyRules } from './rule.ts';

/** Name of the rule that refuses those whom no rule is for; no rule of a policy may have it. */
export const NO_RULE = 'none';

/** Which rule refuses, and why, for people: it may quote what was typed, and never goes on record. */
export interface Forbidden {
  readonly rule: string;
  readonly text: string;
}

/** What a policy has to know of the Handlers that stand. */
export interface HandlersSeen {
  /** Identities that opened the Handlers of this id; empty when there is none. */
  owners(handler: string): readonly string[];
  /** Number of Handlers that this identity has. */
  count(identity: string): number;
}

export interface Policy {
  /** Undefined: it may. Only for a command whose arguments are right. */
  forbids(identity: string, command: Command, handlers: HandlersSeen): Forbidden | undefined;
}

/** Everything for everybody who is authenticated: what counts without `--policy`. */
export const OPEN_POLICY: Policy = { forbids: () => undefined };

/** Reads a policy. @returns the policy, or what is wrong with it, with its place, for people */
export function compilePolicy({ rules }: PolicyRules): Policy | string {
  const byIdentity = new Map<string, Rule>();
  const names = new Set<string>();
  for (const [index, written] of rules.entries()) {
    const where = `rules[${index}] (${written.name})`;
    const wrong = (what: string) => `${where}: ${what}`;
    if (!isName(written.name) || written.name === NO_RULE) {
      return wrong(
        `a rule has a name of 1 to 64 letters, digits, dots, underscores and hyphens, and not "${NO_RULE}"`,
      );
    }
    if (names.has(written.name)) return wrong('this name stands there twice');
    names.add(written.name);
    const rule = compileRule(written);
    if (typeof rule === 'string') return wrong(rule);
    for (const identity of written.identities) {
      if (identity !== ANY && !isName(identity)) return wrong(`"${identity}" is no identity, and not *`);
      const other = byIdentity.get(identity);
      if (other !== undefined)
        return wrong(`identity ${identity} is in rule ${other.name} already; one rule counts for each`);
      byIdentity.set(identity, rule);
    }
  }
  return { forbids: (identity, command, handlers) => judge(byIdentity, identity, command, handlers) };
}

function judge(
  rules: ReadonlyMap<string, Rule>,
  identity: string,
  command: Command,
  handlers: HandlersSeen,
): Forbidden | undefined {
  if (command.verb === 'DONE' || command.verb === 'HELP?') return undefined;
  const rule = rules.get(identity) ?? rules.get(ANY);
  if (rule === undefined) return { rule: NO_RULE, text: `no rule of the policy is for ${identity}` };
  const text = rule.objection(identity, command, handlers);
  return text === undefined ? undefined : { rule: rule.name, text };
}

class Rule {
  constructor(
    readonly name: string,
    private readonly written: PolicyRule,
    private readonly commands: ReadonlySet<string>,
    private readonly roles: ReadonlySet<string>,
    private readonly device: Fits<DeviceSpec>,
    private readonly remoteDevice: Fits<DeviceSpec>,
    private readonly mac: Fits<string>,
    private readonly remote: Fits<Remote>,
  ) {}

  objection(identity: string, command: Command, handlers: HandlersSeen): string | undefined {
    const { verb, args } = command;
    // Who may BEGIN a Handler may give it its other wires.
    const named = verb === 'JOIN' ? 'BEGIN' : verb;
    if (!this.commands.has(ANY) && !this.commands.has(verb) && !this.commands.has(named))
      return `${verb} is not among the commands of this rule`;
    if (!args.ok) return undefined;
    switch (verb) {
      case 'HANDLE':
        return (
          this.#ends(args.value) ??
          this.#remote(args.value.remote) ??
          this.#options(args.value.options) ??
          this.#room(identity, handlers)
        );
      case 'BEGIN': {
        const { handler, options } = args.value;
        // A wire that is dialled again is no further Handler.
        const known = handlers.owners(handler).length > 0;
        return (
          this.#ends(args.value) ??
          this.#options(options) ??
          (known ? undefined : this.#room(identity, handlers))
        );
      }
      case 'DROPS?':
        // Without a Handler it shows those that may be asked about.
        return args.value.handler === undefined
          ? undefined
          : this.#others(identity, args.value.handler, handlers);
      case 'TRACE?':
      case 'CAPTURE':
        return this.#place(identity, args.value.place, handlers);
      case 'CLOSE':
      case 'JOIN':
      case 'PING?':
      case 'STATS?':
        return this.#others(identity, args.value.handler, handlers);
      default:
        return undefined;
    }
  }

  #ends({ localDevice, remoteDevice, localConfig, macs }: Ends): string | undefined {
    if (!this.device(localDevice))
      return `${formatDevice(localDevice)} is not among the devices of this rule`;
    if (!this.remoteDevice(remoteDevice)) {
      return `${formatDevice(remoteDevice)} is not among the remote devices of this rule`;
    }
    if (!this.roles.has(ANY) && !this.roles.has(localConfig.role)) {
      return `${localConfig.role} on this side is not among the roles of this rule`;
    }
    const mac = macs.find((one) => !this.mac(one));
    return mac === undefined ? undefined : `${mac} is not among the MAC addresses of this rule`;
  }

  /** On a device the frames of all Handlers are seen. */
  #place(identity: string, place: FramePlace, handlers: HandlersSeen): string | undefined {
    if (place.kind === 'handler') return this.#others(identity, place.handler, handlers);
    if (this.device(place.device)) return undefined;
    return `${formatDevice(place.device)} is not among the devices of this rule`;
  }

  #remote(remote: Remote): string | undefined {
    return this.remote(remote) ? undefined : `${formatRemote(remote)} is not among the remotes of this rule`;
  }

  #options({ l2cp, rate, bcastRate }: HandlerOptions): string | undefined {
    const { mostRate, mostBcastRate } = this.written;
    if (l2cp && this.written.l2cp !== true) return 'l2cp=on is not allowed by this rule';
    if (mostRate !== undefined && !((rate ?? Number.POSITIVE_INFINITY) <= mostRate)) {
      return `this rule wants rate=${mostRate} or less`;
    }
    if (mostBcastRate !== undefined && !((bcastRate ?? Number.POSITIVE_INFINITY) <= mostBcastRate)) {
      return `this rule wants bcast-rate=${mostBcastRate} or less`;
    }
    return undefined;
  }

  #room(identity: string, handlers: HandlersSeen): string | undefined {
    const { mostHandlers } = this.written;
    if (mostHandlers === undefined || handlers.count(identity) < mostHandlers) return undefined;
    return `${identity} has ${mostHandlers} Handlers, which is the most that this rule allows`;
  }

  #others(identity: string, handler: string, handlers: HandlersSeen): string | undefined {
    if (this.written.handlers === 'all') return undefined;
    const strange = handlers.owners(handler).some((owner) => owner !== identity);
    return strange ? `Handler ${handler} was opened by another identity` : undefined;
  }
}

function compileRule(written: PolicyRule): Rule | string {
  const commands = written.commands ?? [];
  const roles = written.roles ?? [];
  const devices = anyOf('devices', written.devices ?? [], compileDevice);
  const remoteDevices = anyOf('remote-devices', written.remoteDevices ?? [ANY], compileDevice);
  const macs = anyOf('macs', written.macs ?? [], compileMac);
  const remotes = anyOf('remotes', written.remotes ?? [], compileRemote);
  const wrong =
    unknown('commands', commands, VERBS) ??
    unknown('roles', roles, ROLES) ??
    [devices, remoteDevices, macs, remotes].find((compiled) => typeof compiled === 'string');
  if (typeof wrong === 'string') return wrong;
  return new Rule(
    written.name,
    written,
    new Set(commands),
    new Set(roles),
    devices as Fits<DeviceSpec>,
    remoteDevices as Fits<DeviceSpec>,
    macs as Fits<string>,
    remotes as Fits<Remote>,
  );
}

function unknown(field: string, words: readonly string[], known: readonly string[]): string | undefined {
  const stranger = words.find((word) => word !== ANY && !known.includes(word));
  return stranger === undefined ? undefined : `${field}: "${stranger}" is none of ${known.join(', ')}, *`;
}

function anyOf<T>(
  field: string,
  patterns: readonly string[],
  compile: (pattern: string) => Compiled<T>,
): Compiled<T> {
  const tests: Fits<T>[] = [];
  for (const pattern of patterns) {
    const compiled = compile(pattern);
    if (typeof compiled === 'string') return `${field}: "${pattern}": ${compiled}`;
    tests.push(compiled);
  }
  return (value) => tests.some((fits) => fits(value));
}
