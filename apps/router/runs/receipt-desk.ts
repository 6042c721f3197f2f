/**
 * Bounds what receipts take of the memory, first come, first served. A receipt is held as bytes from its first cell
 * until its reader has the last one.
 */
export class ReceiptDesk {
  private inHand = 0;
  private readonly waiting: { readonly cells: number; readonly begin: () => void }[] = [];

  /** @param cellsMax cells of all receipts in hand; one that is larger has the desk to itself */
  constructor(private readonly cellsMax: number) {}

  /** @returns to be called once the receipt is out of hand */
  async take(cells: number): Promise<() => void> {
    await new Promise<void>((begin) => {
      this.waiting.push({ cells, begin });
      this.admit();
    });
    let held = true;
    return () => {
      if (!held) return;
      held = false;
      this.inHand -= cells;
      this.admit();
    };
  }

  private admit(): void {
    for (;;) {
      const next = this.waiting[0];
      if (next === undefined || (this.inHand > 0 && this.inHand + next.cells > this.cellsMax)) return;
      this.waiting.shift();
      this.inHand += next.cells;
      next.begin();
    }
  }
}
