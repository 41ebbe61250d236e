/** Everything that is read again on SIGHUP: credentials, certificates, peers and policy, all of one moment. */
import { type CredentialSources, Credentials } from '../../../io/auth/authenticator.ts';
import { loadPolicyFile } from '../../../io/auth/policy-file.ts';
import { compilePolicy, OPEN_POLICY, type Policy } from '../../../machines/policy/policy.ts';
import type { ServeOptions } from './options.ts';

const READ = ['password-file', 'cert', 'key', 'authorized', 'ca', 'peers', 'policy'] as const;

export class ConfiguredFiles {
  readonly credentials: Credentials;
  /** The files, for the record. */
  readonly names: readonly string[];
  readonly #policyFile: string | undefined;
  #policy: Policy;

  /**
   * @param password what the variable VNET_PASSWORD said
   * @throws Error with what is wrong in which file
   */
  constructor(options: ServeOptions, password: string | undefined) {
    this.names = READ.map((key) => options[key]).filter((file) => file !== undefined);
    this.#policyFile = options.policy;
    this.#policy = loadPolicy(options.policy);
    this.credentials = new Credentials(sources(options, password));
  }

  get policy(): Policy {
    return this.#policy;
  }

  /** @throws Error with what is wrong in which file; then everything stays as it was, also what was right */
  reload(): void {
    const policy = loadPolicy(this.#policyFile);
    this.credentials.reload();
    this.#policy = policy;
  }
}

function loadPolicy(file: string | undefined): Policy {
  if (file === undefined) return OPEN_POLICY;
  const policy = compilePolicy(loadPolicyFile(file));
  if (typeof policy === 'string') throw new Error(`${file}, ${policy}`);
  return policy;
}

function sources(options: ServeOptions, password: string | undefined): CredentialSources {
  return {
    ...(options['password-file'] === undefined ? {} : { passwordFile: options['password-file'] }),
    ...(password === undefined ? {} : { password }),
    ...(options.authorized === undefined ? {} : { authorizedFile: options.authorized }),
    ...(options.ca === undefined ? {} : { caFile: options.ca }),
    ...(options.cert === undefined ? {} : { certFile: options.cert }),
    ...(options.key === undefined ? {} : { keyFile: options.key }),
    ...(options.peers === undefined ? {} : { peersFile: options.peers }),
  };
}
