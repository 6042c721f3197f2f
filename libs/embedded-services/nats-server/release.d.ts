export interface Archive {
  readonly url: string;
  readonly sha256: string;
}

export const NATS_SERVER_VERSION: string;
export const OLDEST_NATS_SERVER: readonly number[];
export function officialArchive(platform: string, architecture: string): Archive | undefined;
export function downloadServer(
  archive: Archive,
  environment: Readonly<Record<string, string | undefined>>,
  signal?: AbortSignal,
): Promise<Buffer>;
export function extractServer(tar: Buffer): Buffer;
