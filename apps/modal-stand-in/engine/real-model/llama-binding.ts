import { pathToFileURL } from 'node:url';
import { RealModelError } from './real-model-error.js';

// What of node-llama-cpp is used, and nothing more. The package is not a dependency: it is there only where
// somebody asked for the real model, so its own types are not.

export interface LlamaTokens {
  readonly usedInputTokens: number;
  readonly usedOutputTokens: number;
}

export interface LlamaSequence {
  readonly tokenMeter: {
    getState(): LlamaTokens;
    diff(since: LlamaTokens): LlamaTokens;
  };
  clearHistory(): Promise<void>;
}

export interface LlamaContext {
  getSequence(): LlamaSequence;
}

export interface LlamaModel {
  createContext(options: {
    readonly contextSize: number;
    readonly sequences: number;
    readonly threads: number;
  }): Promise<LlamaContext>;
  tokenize(text: string): readonly number[];
}

export interface Llama {
  loadModel(options: { readonly modelPath: string; readonly gpuLayers: number }): Promise<LlamaModel>;
  dispose(): Promise<void>;
}

/** Opaque: how a model wants its turns marked. */
export type LlamaChatWrapper = object;

export type LlamaHistoryItem =
  | { readonly type: 'system' | 'user'; readonly text: string }
  | { readonly type: 'model'; readonly response: readonly string[] };

export interface LlamaPromptOptions {
  readonly signal: AbortSignal;
  readonly maxTokens: number;
  readonly temperature: number;
  readonly topK: number;
  readonly topP: number;
  readonly minP: number;
  readonly seed: number;
  readonly trimWhitespaceSuffix: boolean;
  readonly repeatPenalty: {
    readonly penalty: number;
    readonly lastTokens: number;
    readonly penalizeNewLine: boolean;
  };
}

export interface LlamaSession {
  readonly chatWrapper: LlamaChatWrapper;
  setChatHistory(history: readonly LlamaHistoryItem[]): void;
  prompt(text: string, options: LlamaPromptOptions): Promise<string>;
  dispose(): void;
}

export interface LlamaBinding {
  getLlama(options: {
    readonly gpu: false | 'metal';
    readonly build: 'never';
    readonly skipDownload: true;
    readonly progressLogs: false;
    readonly logLevel: 'error';
    readonly maxThreads: number;
  }): Promise<Llama>;
  readonly LlamaChatSession: new (options: {
    readonly contextSequence: LlamaSequence;
    readonly chatWrapper?: LlamaChatWrapper;
  }) => LlamaSession;
}

/** @throws RealModelError */
export async function importLlamaBinding(path: string): Promise<LlamaBinding> {
  let loaded: unknown;
  try {
    loaded = await import(pathToFileURL(path).href);
  } catch (cause) {
    throw new RealModelError(`node-llama-cpp cannot be loaded from ${path} (${reasonOf(cause)})`, { cause });
  }
  if (!isLlamaBinding(loaded)) throw new RealModelError(`${path} is not the node-llama-cpp that is expected`);
  return loaded;
}

export function reasonOf(error: unknown): string {
  return (error instanceof Error ? error.message : String(error)).split('\n')[0] ?? '';
}

function isLlamaBinding(loaded: unknown): loaded is LlamaBinding {
  return (
    typeof loaded === 'object' &&
    loaded !== null &&
    'getLlama' in loaded &&
    typeof loaded.getLlama === 'function' &&
    'LlamaChatSession' in loaded &&
    typeof loaded.LlamaChatSession === 'function'
  );
}
