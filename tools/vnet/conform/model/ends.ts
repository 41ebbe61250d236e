/** What both Handler machines are given in the model. */
import { DEFAULT_OPTIONS } from '../../../../machines/protocol/options.ts';
import type { Ends } from '../../../../machines/protocol/types.ts';

export const MODEL_MAC = '02:00:00:00:00:01';
export const MODEL_MTU = 1500;
/** MTU of a far device that a TAP of ours follows. */
export const WIDE_MTU = 9000;
/** The suite's cases do not offload: what crosses is then what was put in. */
export const MODEL_OPTIONS = { ...DEFAULT_OPTIONS, offload: false };

export const MODEL_ENDS: Ends = {
  localDevice: { kind: 'tap', ifname: 'vnconf0' },
  remoteDevice: { kind: 'interface', backend: 'any', ifname: 'br0' },
  localConfig: { role: 'HOST', multicast: true },
  remoteConfig: { role: 'PROXY', multicast: true },
  macs: [MODEL_MAC],
};

/** Events that both machines have, by label. */
export const COMMON_STEPS = [
  { type: 'device-open', label: 'device open', mtu: MODEL_MTU, elastic: false },
  { type: 'device-failed', label: 'device fails', reason: 'no-such-device', jitter: 0.5 },
  { type: 'device-gone', label: 'device gone', why: 'deleted' },
  { type: 'device-away', label: 'device gone that is waited for', why: 'deleted' },
  { type: 'device-back', label: 'device back' },
  { type: 'first-record', label: 'first record' },
  { type: 'wire-lost', label: 'wire cut', why: 'cut', jitter: 0.5 },
  { type: 'wire-lost', label: 'wire silent', why: 'silent', jitter: 0.5 },
  ...(['closed', 'device-gone', 'protocol-error', 'shutting-down', 'replaced'] as const).map(
    (reason) => ({ type: 'bye', label: `BYE ${reason}`, reason, jitter: 0.5 }) as const,
  ),
  { type: 'protocol-error', label: 'protocol error', why: 'unknown record' },
  { type: 'close', label: 'CLOSE', session: 'boss' },
  { type: 'shutdown', label: 'shutdown' },
] as const;
