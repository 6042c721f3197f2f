/**
 * The jobs that ended last. A fast job ends before its id has been written down; without this memory its end would
 * be found out by polling only.
 */
export class EndedJobs {
  private readonly jobIds = new Set<string>();

  constructor(private readonly limit = 10_000) {}

  add(jobId: string): void {
    this.jobIds.add(jobId);
    if (this.jobIds.size <= this.limit) return;
    const [oldest] = this.jobIds;
    if (oldest !== undefined) this.jobIds.delete(oldest);
  }

  has(jobId: string): boolean {
    return this.jobIds.has(jobId);
  }
}
