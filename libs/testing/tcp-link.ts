import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { Transform } from 'node:stream';

/** A TCP connection through a middleman that can be cut or go dead: the network between two processes. */
export class TcpLink {
  private readonly sockets = new Set<Socket>();
  private isCut = false;
  private isStalled = false;
  /** What the near side has sent since the line went dead. */
  private swallowedText = '';

  private constructor(
    private readonly server: Server,
    private readonly targetPort: number,
  ) {
    server.on('connection', (near) => this.join(near));
  }

  /** @param targetPort on 127.0.0.1 */
  static async open(targetPort: number): Promise<TcpLink> {
    const server = createServer();
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    return new TcpLink(server, targetPort);
  }

  get port(): number {
    return (this.server.address() as AddressInfo).port;
  }

  /** Breaks every connection and accepts none, until it is healed. */
  cut(): void {
    this.isCut = true;
    this.isStalled = false;
    this.swallowedText = '';
    for (const socket of this.sockets) socket.destroy();
  }

  /**
   * Goes dead without a word, as a half-open line does: what is sent, from either side, is swallowed, and every connection
   * stays open. `cut` ends it.
   */
  stall(): void {
    this.isStalled = true;
  }

  /** Whether the near side has sent this since the line went dead. */
  hasSwallowed(text: string): boolean {
    return this.swallowedText.includes(text);
  }

  heal(): void {
    this.isCut = false;
  }

  async close(): Promise<void> {
    this.cut();
    this.server.close();
    await once(this.server, 'close');
  }

  private join(near: Socket): void {
    if (this.isCut) {
      near.destroy();
      return;
    }
    const far = connect(this.targetPort, '127.0.0.1');
    for (const [socket, other] of [
      [near, far],
      [far, near],
    ] as const) {
      this.sockets.add(socket);
      socket.setNoDelay(true);
      socket.on('error', () => undefined);
      socket.on('close', () => {
        this.sockets.delete(socket);
        other.destroy();
      });
      socket.pipe(this.passage(socket === near)).pipe(other);
    }
  }

  private passage(isFromNear: boolean): Transform {
    return new Transform({
      transform: (bytes: Buffer, _encoding, done) => {
        if (!this.isStalled) {
          done(null, bytes);
          return;
        }
        if (isFromNear) this.swallowedText += bytes.toString('latin1');
        done();
      },
    });
  }
}
